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
    ["RIFF\u0001\u0002\u0003\u0004WAVEfmt ", "sound"],
    ["FORM\u0001\u0002\u0003\u0004AIFFCOMM", "sound"],
    ["FORM 1040: a letter about taxes", "text"],
    ["ID3\u0004", "sound"],
    ["fLaC\0\0", "sound"],
    ["\u00ff\u00fb\u0050\u00c4", "sound"],
    ["\u00ff\u00f1\u0050\u0080", "sound"],
    ["\0\0\0\u0001\u0067\u0042", "bare-stream"],
    ["\0\0\u0001\u0009\u00f0", "bare-stream"],
    ["\0\0\0\u0001\u0006\u0005\u00ff", "bare-stream"],
    ["\0\0\0\u0001\u0040\u0001\u000c", "bare-stream"],
    ["\0\0\0\u0001\u00f0\u0000\u000c", "unknown"],
    ["\0\0\u0001\u00b3\u0014", "bare-stream"],
    ["\u0012\0\u000a\u000b", "bare-stream"],
    ["DKIF\0\0 \0VP80", "simple-container"],
    ["YUV4MPEG2 W320", "simple-container"],
    ["\u001f\u0007\0\u003f", "simple-container"],
    ["--d74496d66958873e\r\nContent-Disposition: form-data; name=x\r\n\r\n\0\0\0\u0018ftyp", "form"],
    ["--not a form\nbut a text", "text"],
    ["<!DOCTYPE HTML><html>", "html"],
    ["\u00ef\u00bb\u00bf\r\n <html lang='en'>", "html"],
    ["#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd", "playlist"],
    ["ffconcat version 1.0\nfile /etc/passwd", "playlist"],
    ['<?xml version="1.0"?>\n<MPD>', "playlist"],
    ['<?xml version="1.0"?>\n<!-- made by a packager -->\n<MPD xmlns="x">', "playlist"],
    ['<?xml version="1.0"?><SmoothStreamingMedia MajorVersion="2">', "playlist"],
    ['<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "text"],
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
