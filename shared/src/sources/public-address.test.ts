import { describe, expect, it } from "vitest";
import { refusedAddress } from "./public-address.ts";

describe("refusedAddress", () => {
  it.each([
    "8.8.8.8",
    "1.1.1.1",
    "172.32.0.1",
    "192.169.0.1",
    "100.128.0.1",
    "2606:4700::1111",
    "64:ff9b::808:808",
  ])("lets %s pass", (address) => {
    expect(refusedAddress(address)).toBeNull();
  });

  it.each([
    "127.0.0.1",
    "::1",
    "fe80::1%eth0",
    "2606:4700::1111%eth0",
    "2001:db8::1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1:7f00:0:100:808:808",
    "2a00::5efe:7f00:1",
    "2a00::200:5efe:a00:1",
    "3fff::1",
    "2620:4f:8000::1",
    "example.com",
    "",
    "999.1.1.1",
  ])("refuses %j", (address) => {
    expect(refusedAddress(address)).not.toBeNull();
  });
});
