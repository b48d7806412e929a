// The editor of a bank's text: CodeMirror in place of the field, with what the check says beside its lines. Without it the field works.
import { basicSetup } from "codemirror";
import { yaml } from "@codemirror/lang-yaml";
import { HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { lintGutter, linter } from "@codemirror/lint";
import { EditorState } from "@codemirror/state";
import { EditorView } from "@codemirror/view";
import { tags } from "@lezer/highlight";

const field = document.querySelector("textarea[name=text]");
const { check, csrf, nonce, label } = field.dataset;

// The colours of the console, in both schemes.
const look = EditorView.theme({
  "&": { border: "1px solid var(--edge)", borderRadius: ".6rem", backgroundColor: "var(--card)", color: "var(--ink)", fontSize: ".875rem" },
  "&.cm-focused": { outline: "3px solid var(--accent)", outlineOffset: "2px" },
  ".cm-scroller": { fontFamily: "ui-monospace, monospace", lineHeight: "1.5", maxHeight: "70vh" },
  ".cm-gutters": { backgroundColor: "var(--bg)", color: "var(--quiet)", borderColor: "var(--line)" },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "var(--tint)" },
  "&.cm-focused .cm-selectionBackground, .cm-selectionBackground, .cm-content ::selection": { backgroundColor: "var(--pale) !important" },
  ".cm-cursor": { borderLeftColor: "var(--ink)" },
  ".cm-tooltip, .cm-panels": { backgroundColor: "var(--card)", color: "var(--ink)", borderColor: "var(--line)" },
  ".cm-diagnostic": { fontFamily: "system-ui, sans-serif", maxWidth: "36rem" },
});
const words = HighlightStyle.define([
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: "var(--accent)" },
  { tag: [tags.comment, tags.lineComment], color: "var(--quiet)", fontStyle: "italic" },
  { tag: [tags.string, tags.number, tags.bool, tags.null, tags.content], color: "var(--ink)" },
]);

// Asks the service, as publishing will, and puts each sentence on its line.
const diagnose = async (view) => {
  const body = new URLSearchParams({ csrf, text: view.state.doc.toString() });
  const reply = await fetch(check, { method: "POST", body });
  if (!reply.ok) return [];
  const { problems } = await reply.json();
  return problems.map(({ line, severity, message }) => {
    const { from, to } = view.state.doc.line(Math.min(Math.max(line, 1), view.state.doc.lines));
    return { from, to, severity, message };
  });
};

const view = new EditorView({
  doc: field.value,
  extensions: [
    EditorView.cspNonce.of(nonce),
    basicSetup,
    yaml(),
    syntaxHighlighting(words),
    lintGutter(),
    linter(diagnose, { delay: 400 }),
    EditorView.lineWrapping,
    EditorView.contentAttributes.of({ "aria-label": label, spellcheck: "false" }),
    EditorState.readOnly.of(field.readOnly),
    EditorView.updateListener.of((update) => {
      if (update.docChanged) field.value = update.state.doc.toString();
    }),
    look,
  ],
});
view.scrollDOM.tabIndex = 0; // so that the arrow keys scroll it, too
field.hidden = true;
field.parentNode.after(view.dom);
