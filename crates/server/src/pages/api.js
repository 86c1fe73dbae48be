"use strict";
// Shows the OpenAPI document of this service as a list of operations and schemas.
(async () => {
  const place = document.getElementById("operations");

  function element(name, text, ...children) {
    const made = document.createElement(name);
    if (text) made.textContent = text;
    made.append(...children);
    return made;
  }

  function folded(title, ...children) {
    return element("details", "", element("summary", "", element("code", title)), ...children);
  }

  function json(value) {
    return element("pre", JSON.stringify(value, null, 2));
  }

  function operation(method, path, described) {
    const parts = [element("p", described.description ?? described.summary ?? "")];
    if (described.parameters) parts.push(element("h3", "Parameters"), json(described.parameters));
    if (described.requestBody) parts.push(element("h3", "Body"), json(described.requestBody.content));
    parts.push(element("h3", "Answers"), json(described.responses));
    return folded(`${method.toUpperCase()} ${path}`, ...parts);
  }

  try {
    const answer = await fetch("/api/openapi.json");
    const { paths, components } = await answer.json();
    const operations = Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, described]) => operation(method, path, described)));
    const schemas = Object.entries(components?.schemas ?? {}).map(([name, schema]) => folded(name, json(schema)));
    place.replaceChildren(element("h2", "Operations"), ...operations, element("h2", "Schemas"), ...schemas);
  } catch {
    place.textContent = "The description could not be loaded; reload the page.";
  }
})();
