import { expect, it } from "vitest";

import { completeAddress } from "./address";

it.each([
  ["https://mcp.example.com/mcp", "https://mcp.example.com/mcp"],
  [" mcp.example.com/mcp ", "https://mcp.example.com/mcp"],
  ["http://localhost:3000/mcp", "http://localhost:3000/mcp"],
  ["localhost:3000/mcp", "https://localhost:3000/mcp"],
  ["http://[::1]:3000/", "http://[::1]:3000/"],
  ["", null],
  ["https://", null],
  ["https://mcp", null],
  ["mcp.", null],
  ["ftp://files.example/", null],
  ["javascript:alert(1)", null],
])("%j is tried as %j", (typed, address) => {
  expect(completeAddress(typed)).toBe(address);
});
