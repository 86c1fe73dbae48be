import { expect, it } from "vitest";

import { messageOf, Problem, problemFromAnswer, problemFromThrown } from "./problem";

it("shows a problem document's detail", () => {
  const body = { title: "Conflict", detail: "the name is taken", code: "conflict", redirect_uri: "https://k.example/" };
  const problem = problemFromAnswer(409, body);
  expect(messageOf(problem)).toBe("the name is taken");
  expect(problem).toMatchObject({ code: "conflict", redirectUri: "https://k.example/", isPassing: false });
});

it("has words for an answer that is no problem document", () => {
  for (const body of [undefined, "<html>", null, { detail: 7 }]) {
    expect(problemFromAnswer(502, body).message).toContain("(502)");
  }
});

it("tells no answer from an answer", () => {
  expect(problemFromThrown(new TypeError("failed to fetch"))).toMatchObject({ code: "network", isPassing: true });
  expect(problemFromThrown(new DOMException("", "TimeoutError"))).toMatchObject({ code: "timeout" });
  const abort = new DOMException("", "AbortError");
  expect(problemFromThrown(abort)).toBe(abort);
});

it("keeps unknown failures to itself", () => {
  expect(messageOf(new Error("stack"))).not.toContain("stack");
  expect(messageOf(new Problem(400, "invalid_request", "a header is missing"))).toBe("a header is missing");
});
