import { describe, expect, it } from "vitest";
import { signatureOf } from "./container-signature.ts";

const ts = Buffer.alloc(600, 0xff);
for (const at of [0, 188, 376]) ts[at] = 0x47;
const m2ts = Buffer.alloc(600, 0xff);
for (const at of [4, 196, 388]) m2ts[at] = 0x47;

describe("signatureOf", () => {
  it.each([
    ["\0\0\0\u0018ftypisom", "video"],
    ["\0\0\0\u0008moov", "video"],
    ["\0\0\0\u0001mdat", "video"],
    ["\u001a\u0045\u00df\u00a3", "video"],
    ["RIFF\u0001\u0002\u0003\u0004AVI LIST", "video"],
    ["FLV\u0001", "video"],
    ["OggS", "video"],
    ["\u0030\u0026\u00b2\u0075\u008e\u0066\u00cf\u0011", "video"],
    ["\0\0\u0001\u00ba", "video"],
    ["\u0006\u000e\u002b\u0034\u0002\u0005\u0001\u0001", "video"],
    [ts, "video"],
    [m2ts, "video"],
    ["RIFF\u0001\u0002\u0003\u0004WAVEfmt ", "unknown"],
    ["<!DOCTYPE HTML><html>", "html"],
    ["\u00ef\u00bb\u00bf\r\n <html lang='en'>", "html"],
    ["#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd", "playlist"],
    ["ffconcat version 1.0\nfile /etc/passwd", "playlist"],
    ['<?xml version="1.0"?>\n<MPD>', "playlist"],
    ["[playlist]\nFile1=x", "playlist"],
    ['{"error": "no"}', "text"],
    ["hello", "text"],
    ["PK\u0003\u0004", "archive"],
    ["%PDF-1.7", "other"],
    ["\u00ff\u00d8\u00ff\u00e0", "image"],
    ["\u0089PNG\r\n\u001a\n\0\0\0\rIHDR", "image"],
    ["\u0089PNG\r\n\u001a\n\0\0\0\rIHDR \0\0\0\u0008acTL", "animation"],
    ["GIF89a", "image"],
    ["GIF89a !\u00ff\u000bNETSCAPE2.0", "animation"],
    ["RIFF\u0001\u0002\u0003\u0004WEBPVP8 ", "image"],
    ["RIFF\u0001\u0002\u0003\u0004WEBPVP8X\n\0\0\0\u0002", "animation"],
    ["RIFF\u0001\u0002\u0003\u0004WEBPVP8X\n\0\0\0\u0010", "image"],
    ["\0\0\0\u0018ftypheic", "image"],
    ["\0\0\0\u0018ftypmif1", "image"],
    ["\0\0\0\u0018ftypavif", "image"],
    ["\0\0\0\u0018ftypavis", "animation"],
    ["\0\0\0\u0018ftypqt  ", "video"],
    ["", "empty"],
    ["\u0001\u0002\u0003\u0004\u0005", "unknown"],
  ])("%j is %s", (head, signature) => {
    expect(signatureOf(Buffer.from(head as string, "latin1"))).toBe(signature);
  });
});
