// A SPARQL editor over a plain <textarea data-sparql-editor>. The form stays as it is and is sent
// as without scripts; the editor only writes into the field. It lives in a shadow root, where its
// styles are constructed sheets, so that no page has to allow inline styles.

import { autocompletion, snippetCompletion } from "@codemirror/autocomplete";
import { Compartment, EditorState, Prec } from "@codemirror/state";
import { EditorView, keymap } from "@codemirror/view";
import { basicSetup } from "codemirror";
import { HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { SparqlLanguage, sparql } from "codemirror-lang-sparql";
import { tags } from "@lezer/highlight";

const NAME = /[\p{L}_][\p{L}\p{N}_-]*:[\p{L}\p{N}_-]*|[\p{L}_][\p{L}\p{N}_-]*/u;
const FORMS = [
  snippetCompletion("SELECT ${variables} WHERE {\n  ${pattern}\n}", { label: "SELECT", type: "keyword" }),
  snippetCompletion("OPTIONAL { ${pattern} }", { label: "OPTIONAL", type: "keyword" }),
  snippetCompletion("FILTER(${condition})", { label: "FILTER", type: "keyword" }),
  snippetCompletion("VALUES ?${variable} { ${values} }", { label: "VALUES", type: "keyword" }),
  snippetCompletion("BIND(${expression} AS ?${variable})", { label: "BIND", type: "keyword" }),
];

const dark = matchMedia("(prefers-color-scheme: dark)");

function look(isDark) {
  const colours = isDark
    ? { key: "#9dbcf5", string: "#9fd08f", name: "#e0ae45", soft: "#a8a69e", ink: "#e9e7e1", chosen: "#34435f" }
    : { key: "#1f3f7a", string: "#2f6b2b", name: "#8a5a00", soft: "#5b5a55", ink: "#1d1d1b", chosen: "#d3def4" };
  return [
    EditorView.theme(
      {
        "&": { color: colours.ink, backgroundColor: "transparent", fontSize: ".9rem", height: "100%", border: `1px solid ${colours.soft}` },
        "&.cm-focused": { outline: `3px solid ${colours.key}`, outlineOffset: "0" },
        ".cm-content": { fontFamily: 'ui-monospace, "DejaVu Sans Mono", monospace', caretColor: colours.ink },
        ".cm-gutters": { backgroundColor: "transparent", color: colours.soft, border: "none" },
        ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "transparent" },
        "&.cm-focused .cm-selectionBackground, .cm-selectionBackground": { backgroundColor: colours.chosen },
        ".cm-scroller": { overflow: "auto" },
      },
      { dark: isDark },
    ),
    syntaxHighlighting(
      HighlightStyle.define([
        { tag: [tags.keyword, tags.operatorKeyword, tags.definitionKeyword], color: colours.key, fontWeight: "600" },
        { tag: [tags.string, tags.number, tags.bool], color: colours.string },
        { tag: [tags.variableName, tags.special(tags.variableName)], color: colours.name },
        { tag: tags.comment, color: colours.soft, fontStyle: "italic" },
        { tag: [tags.namespace, tags.propertyName, tags.typeName, tags.url], color: colours.key },
      ]),
    ),
  ];
}

// The vocabulary: {"prefixes": {"erga": "https://…"}, "terms": [{"name": "erga:…", "label", "kind", "note"}]}
function vocabulary(address) {
  let asked;
  return () => {
    asked ??= fetch(address, { headers: { Accept: "application/json" } })
      .then((answer) => (answer.ok ? answer.json() : {}))
      .catch(() => ({}))
      .then(({ terms = [], prefixes = {} }) => [
        ...terms.map(({ name, label = "", kind = "", note = "" }) => ({
          label: name,
          detail: label,
          info: note || undefined,
          type: kind === "class" ? "class" : kind === "concept" ? "constant" : "property",
          boost: 1,
        })),
        ...Object.entries(prefixes).map(([prefix, iri]) => ({
          label: `PREFIX ${prefix}: <${iri}>`,
          type: "namespace",
        })),
      ]);
    return asked;
  };
}

function completion(terms) {
  return async (context) => {
    const variable = context.matchBefore(/[?$][\w]*/);
    if (variable) {
      const names = new Set(context.state.doc.toString().match(/[?$]\w+/g));
      names.delete(variable.text);
      return { from: variable.from, options: [...names].map((label) => ({ label, type: "variable" })) };
    }
    const word = context.matchBefore(NAME);
    if (!word && !context.explicit) return null;
    return {
      from: word ? word.from : context.pos,
      options: [...(await terms()), ...FORMS],
      validFor: /^[\p{L}\p{N}_:-]*$/u,
    };
  };
}

function edit(field) {
  const host = document.createElement("div");
  host.className = "sparql-editor";
  const root = host.attachShadow({ mode: "open" });
  const place = document.createElement("div");
  const lines = Math.min(Math.max(field.rows || 14, 8), 40);
  place.style.height = `${lines * 1.45}em`;
  root.append(place);
  field.before(host);

  const scheme = new Compartment();
  const name = field.labels?.[0]?.textContent.trim() || field.getAttribute("aria-label") || "SPARQL";
  const send = () => {
    field.form?.requestSubmit();
    return true;
  };
  const view = new EditorView({
    root,
    parent: place,
    state: EditorState.create({
      doc: field.value,
      extensions: [
        Prec.high(keymap.of([{ key: "Mod-Enter", run: send }])),
        basicSetup,
        autocompletion({ icons: false }),
        sparql(),
        SparqlLanguage.data.of({ autocomplete: completion(vocabulary(field.dataset.vocabulary || "/vocab.json")) }),
        scheme.of(look(dark.matches)),
        EditorView.lineWrapping,
        EditorView.contentAttributes.of({ "aria-label": name, spellcheck: "false", tabindex: "0" }),
        EditorView.updateListener.of((update) => {
          if (update.docChanged) field.value = update.state.doc.toString();
        }),
      ],
    }),
  });
  dark.addEventListener("change", () => view.dispatch({ effects: scheme.reconfigure(look(dark.matches)) }));
  field.hidden = true;
  // a page may write another query into the field, such as an example that was chosen
  field.addEventListener("input", () => {
    if (field.value !== view.state.doc.toString())
      view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: field.value } });
  });
  field.form?.addEventListener("reset", () => setTimeout(() => field.dispatchEvent(new Event("input"))));
  for (const label of field.labels ?? []) label.addEventListener("click", () => view.focus());
}

document.querySelectorAll("textarea[data-sparql-editor]").forEach(edit);
