// Turns every <textarea data-sql-editor> into a SQL editor. Without this script the textarea works as it is.
//
// Attributes of the textarea:
//   data-sql-editor   "mysql" or "mariadb"; anything else means mysql
//   data-problems     [{"line": 3, "text": "…", "severity": "error"}], lines from 1; may be changed at any time
//   data-tables       {"table": ["column", …]}, offered on Ctrl-Space
//   data-nonce        the page's CSP nonce, unless <meta name="csp-nonce"> or this script's own tag has it
//   readonly          shows the text without letting it change
//
// The textarea keeps the text at every moment: forms, other scripts and tests read it there. It gets an "input" event
// for each edit; a script that writes to it dispatches "change" to be seen.
import { autocompletion } from "@codemirror/autocomplete";
import { MariaSQL, MySQL, sql } from "@codemirror/lang-sql";
import { bracketMatching, HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { lintGutter, lintKeymap, setDiagnostics } from "@codemirror/lint";
import { highlightSelectionMatches, searchKeymap } from "@codemirror/search";
import { EditorState } from "@codemirror/state";
import { EditorView, highlightActiveLine, highlightActiveLineGutter, keymap, lineNumbers, placeholder } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { minimalSetup } from "codemirror";

const scriptNonce = document.currentScript?.nonce;
const HINT_ID = "sql-editor-keys";

// Only variables of the page's style sheet, so that light and dark follow the page, also when it is switched.
const theme = EditorView.theme({
  "&": { color: "var(--ink)", backgroundColor: "var(--paper)", border: "1px solid var(--edge)", borderRadius: "6px", overflow: "hidden" },
  "&.cm-focused": { outline: "2px solid var(--go)", outlineOffset: "1px" },
  ".cm-scroller": { fontFamily: "var(--mono)", fontSize: "13px", lineHeight: "1.55", maxHeight: "60vh", overflow: "auto" },
  ".cm-content": { caretColor: "var(--ink)", padding: "8px 0" },
  ".cm-cursor": { borderLeftColor: "var(--ink)" },
  ".cm-gutters": { color: "var(--ink-3)", backgroundColor: "var(--ground)", borderRight: "1px solid var(--line)" },
  ".cm-activeLine": { backgroundColor: "color-mix(in srgb, var(--hover) 60%, transparent)" },
  ".cm-activeLineGutter": { color: "var(--ink)", backgroundColor: "var(--hover)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": { background: "color-mix(in srgb, var(--go) 26%, transparent)" },
  "&.cm-focused .cm-matchingBracket, .cm-selectionMatch": { color: "inherit", backgroundColor: "var(--go-soft)" },
  "&.cm-focused .cm-nonmatchingBracket": { color: "inherit", backgroundColor: "var(--bad-soft)" },
  ".cm-placeholder": { color: "var(--ink-3)" },
  ".cm-specialChar": { color: "var(--bad)" },
  ".cm-lintRange": { backgroundImage: "none", textDecoration: "underline wavy 1px", textUnderlineOffset: "3px" },
  ".cm-lintRange-error": { textDecorationColor: "var(--bad)" },
  ".cm-lintRange-warning": { textDecorationColor: "var(--warn)" },
  ".cm-lintRange-info": { textDecorationColor: "var(--go)" },
  ".cm-gutter-lint .cm-gutterElement": { padding: "0 4px" },
  ".cm-tooltip, .cm-panels": { color: "var(--ink)", backgroundColor: "var(--paper)", border: "1px solid var(--line)", borderRadius: "6px" },
  ".cm-panels": { borderRadius: "0" },
  ".cm-panels input, .cm-panels button": { color: "var(--ink)", backgroundColor: "var(--ground)", backgroundImage: "none", border: "1px solid var(--line)", borderRadius: "4px" },
  ".cm-tooltip": { boxShadow: "var(--shadow, none)" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul": { fontFamily: "var(--mono)" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li[aria-selected]": { color: "var(--go-ink)", backgroundColor: "var(--go)" },
  ".cm-diagnostic": { padding: "8px 12px", maxWidth: "60ch", whiteSpace: "pre-wrap" },
  ".cm-diagnostic-error": { borderLeftColor: "var(--bad)" },
  ".cm-diagnostic-warning": { borderLeftColor: "var(--warn)" },
});

const colours = HighlightStyle.define([
  { tag: [tags.keyword, tags.operatorKeyword, tags.modifier], color: "var(--sql-keyword)", fontWeight: "600" },
  { tag: [tags.typeName, tags.standard(tags.name)], color: "var(--sql-keyword)" },
  { tag: [tags.string, tags.special(tags.string)], color: "var(--sql-string)" },
  { tag: [tags.number, tags.bool, tags.null], color: "var(--sql-number)" },
  { tag: [tags.lineComment, tags.blockComment], color: "var(--sql-comment)", fontStyle: "italic" },
  { tag: tags.invalid, color: "var(--bad)" },
]);

const SEVERITIES = { error: "error", warning: "warning", notice: "info" };

function readJson(textarea, name, otherwise) {
  try {
    return JSON.parse(textarea.dataset[name] || "null") ?? otherwise;
  } catch {
    console.error(`data-${name} of textarea "${textarea.name}" is not JSON; it is left out.`);
    return otherwise;
  }
}

function buildDiagnostics(doc, problems) {
  return problems
    .filter((problem) => problem.line >= 1)
    .map(({ line, text, severity }) => {
      const { from, to } = doc.line(Math.min(line, doc.lines));
      return { from, to, severity: SEVERITIES[severity] ?? "error", message: text };
    })
    .sort((a, b) => a.from - b.from);
}

function showProblems(view, textarea) {
  const problems = readJson(textarea, "problems", []);
  view.dispatch(setDiagnostics(view.state, buildDiagnostics(view.state.doc, problems)));
  const refused = problems.some(({ severity = "error" }) => severity === "error");
  view.contentDOM.setAttribute("aria-invalid", String(refused));
}

function keysHint() {
  const found = document.getElementById(HINT_ID);
  if (found) return found;
  const hint = document.createElement("p");
  hint.id = HINT_ID;
  hint.hidden = true;
  hint.textContent = "SQL editor. Tab leaves it, Control and Space offers names, F8 goes to the next problem.";
  return document.body.appendChild(hint);
}

function contentAttributes(textarea) {
  const described = [textarea.getAttribute("aria-describedby"), keysHint().id].filter(Boolean).join(" ");
  const attributes = { "aria-describedby": described, spellcheck: "false", autocorrect: "off", autocapitalize: "off" };
  const [label] = textarea.labels ?? [];
  if (label) {
    label.id ||= `${textarea.id || textarea.name}-label`;
    attributes["aria-labelledby"] = label.id;
  } else {
    attributes["aria-label"] = textarea.getAttribute("aria-label") || "SQL";
  }
  if (textarea.required) attributes["aria-required"] = "true";
  if (textarea.readOnly) Object.assign(attributes, { tabindex: "0", "aria-readonly": "true" });
  return attributes;
}

// Text typed over a selection: left to Chromium, it carries the style of what it replaces over in a style attribute, which
// the page's content policy blocks, with an error in the console.
function replaceSelection(event, view) {
  const selected = view.state.selection.ranges.some((range) => !range.empty);
  if (event.inputType !== "insertText" || !event.data || event.isComposing || !selected || view.state.readOnly) return false;
  view.dispatch(view.state.replaceSelection(event.data), { userEvent: "input.type", scrollIntoView: true });
  event.preventDefault();
  return true;
}

function buildExtensions(textarea) {
  const nonce = textarea.dataset.nonce || document.querySelector('meta[name="csp-nonce"]')?.content || scriptNonce;
  const rows = Number(textarea.getAttribute("rows")) || 12;
  return [
    nonce ? EditorView.cspNonce.of(nonce) : [],
    minimalSetup,
    lineNumbers(),
    highlightActiveLine(),
    highlightActiveLineGutter(),
    highlightSelectionMatches(),
    bracketMatching(),
    EditorView.lineWrapping,
    // On request only: an offer that Enter accepts by accident would change the SQL that is approved and run.
    autocompletion({ activateOnTyping: false }),
    lintGutter(),
    keymap.of([...searchKeymap, ...lintKeymap]),
    sql({
      dialect: textarea.dataset.sqlEditor === "mariadb" ? MariaSQL : MySQL,
      schema: readJson(textarea, "tables", {}),
      upperCaseKeywords: true,
    }),
    syntaxHighlighting(colours),
    theme,
    EditorView.theme({ ".cm-content, .cm-gutter": { minHeight: `${rows * 1.55}em` } }),
    placeholder(textarea.placeholder),
    EditorState.readOnly.of(textarea.readOnly),
    EditorView.editable.of(!textarea.readOnly),
    EditorView.contentAttributes.of(contentAttributes(textarea)),
    EditorView.domEventHandlers({ beforeinput: replaceSelection }),
    EditorView.updateListener.of((update) => {
      if (!update.docChanged || textarea.value === update.state.doc.toString()) return;
      textarea.value = update.state.doc.toString();
      textarea.dispatchEvent(new Event("input", { bubbles: true }));
    }),
  ];
}

function takeOver(textarea) {
  if (textarea.hidden) return;
  const view = new EditorView({ doc: textarea.value, extensions: buildExtensions(textarea) });
  textarea.after(view.dom);
  textarea.hidden = true;
  // A browser cannot focus a hidden field to complain about it and would then not send the form, without a word.
  textarea.required = false;
  textarea.removeAttribute("maxlength");
  showProblems(view, textarea);

  const readBack = () => {
    if (textarea.value === view.state.doc.toString()) return;
    view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: textarea.value } });
  };
  textarea.addEventListener("change", readBack);
  textarea.form?.addEventListener("reset", () => setTimeout(readBack));
  for (const label of textarea.labels ?? []) label.addEventListener("click", () => view.focus());
  if (textarea.autofocus) view.focus();
  new MutationObserver(() => showProblems(view, textarea)).observe(textarea, { attributeFilter: ["data-problems"] });
}

function takeOverAll() {
  document.querySelectorAll("textarea[data-sql-editor]").forEach(takeOver);
}

if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", takeOverAll);
else takeOverAll();
document.addEventListener("htmx:load", takeOverAll);
