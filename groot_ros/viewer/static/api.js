// Asking the server; a refusal becomes an Error with its sentence.

async function answer(response) {
  const text = await response.text();
  let content;
  try {
    content = JSON.parse(text);
  } catch {
    throw new Error(text.trim() || response.statusText);
  }
  if (!response.ok) throw new Error(content.error ?? response.statusText);
  return content;
}

export async function get(path, signal) {
  return answer(await fetch(path, { signal }));
}

export async function post(path, content) {
  return answer(
    await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(content),
    }),
  );
}

// An element with properties and children.
export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  Object.assign(made, properties);
  made.append(...children);
  return made;
}

export const byId = (id) => document.getElementById(id);

// What the page calls the things in its list: episodes of a dataset, trials of an evaluation.
export function wordsOf({ noun }) {
  const One = noun[0].toUpperCase() + noun.slice(1);
  return { one: noun, many: `${noun}s`, One, Many: `${One}s` };
}
