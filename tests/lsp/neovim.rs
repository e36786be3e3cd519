//! The server with a real editor: Neovim's own client, driven without a screen.

use crate::client::Client;
use std::process::{Command, Stdio};

/// Opens a file with a slip, waits for its diagnostic, asks for completion and hover, applies the
/// code action, and writes what it saw.
const SCRIPT: &str = r#"
local out = {}
local function done(text)
  table.insert(out, text)
  vim.fn.writefile(out, os.getenv("RESULT"))
  vim.cmd("qa!")
end
vim.cmd("luafile " .. os.getenv("SETUP"))
vim.cmd("edit " .. os.getenv("RULES"))
local id = riposte
local function wait(what, holds)
  if not vim.wait(30000, holds, 20) then done("timeout: " .. what) end
end
local function ask(method, position)
  local params = { textDocument = vim.lsp.util.make_text_document_params(), position = position }
  local answer = vim.lsp.buf_request_sync(0, method, params, 30000)
  return answer and answer[id] and answer[id].result
end
wait("diagnostics", function() return #vim.diagnostic.get(0) > 0 end)
local found = vim.diagnostic.get(0)[1]
table.insert(out, "diagnostic " .. found.lnum .. ":" .. found.col .. " " .. found.code)
local line = vim.api.nvim_buf_get_lines(0, 1, 2, false)[1]
-- Behind `e.`, a column in UTF-16 units: the line begins with an emoji in a comment.
local _, units = vim.str_utfindex(line, string.find(line, "e%.staus") + 1)
local items = ask("textDocument/completion", { line = 1, character = units })
for _, item in ipairs(items.items) do
  if item.label == "status" then table.insert(out, "completion " .. item.label) end
end
local third = vim.api.nvim_buf_get_lines(0, 2, 3, false)[1]
local hover = ask("textDocument/hover", { line = 2, character = string.find(third, "block") })
table.insert(out, "hover " .. tostring(string.find(hover.contents.value, "block", 1, true) ~= nil))
local range = vim.lsp.util.make_given_range_params({ 2, found.col }, { 2, found.col })
local actions = vim.lsp.buf_request_sync(0, "textDocument/codeAction",
  { textDocument = range.textDocument, range = range.range, context = { diagnostics = {} } }, 30000)[id].result
vim.lsp.util.apply_workspace_edit(actions[1].edit, "utf-16")
table.insert(out, "mended " .. vim.api.nvim_buf_get_lines(0, 1, 2, false)[1])
wait("no diagnostics", function() return #vim.diagnostic.get(0) == 0 end)
-- A change that the editor sends as a range.
vim.api.nvim_buf_set_text(0, 1, 0, 1, 0, { "/* é😀 */ " })
vim.api.nvim_buf_set_lines(0, -1, -1, false, { "rule(\"second\").on(\"htttp\").by(\"ip\").then(|hit| block(hit.ip, \"1h\"));" })
wait("diagnostics of the second rule", function() return #vim.diagnostic.get(0) > 0 end)
table.insert(out, "second " .. vim.diagnostic.get(0)[1].code .. " in line " .. vim.diagnostic.get(0)[1].lnum)
vim.lsp.stop_client(id)
wait("end", function() return vim.lsp.client_is_stopped(id) end)
done("ended")
"#;

const RULES: &str = "rule(\"first\").on(\"http\")\n/* 😀é */ .when(|e| e.staus == 404)\n.then(|hit| block(hit.ip, \"1h\"));\n";

/// The first lines for Neovim in docs/editors.md: what people are told is what is tried.
fn setup() -> String {
    let page = include_str!("../../docs/editors.md");
    let (_, rest) = page.split_once("```lua\n").unwrap();
    rest.split_once("```").unwrap().0.to_owned()
}

/// The other settings on the page are at least well-formed.
#[test]
fn the_settings_for_other_editors_are_well_formed() {
    let page = include_str!("../../docs/editors.md");
    let block = |language: &str| {
        let (_, rest) = page.split_once(&format!("```{language}\n")).unwrap();
        rest.split_once("```").unwrap().0
    };
    let helix: toml::Table = block("toml").parse().unwrap();
    assert_eq!(helix["language-server"]["riposte"]["command"].as_str(), Some("riposte"));
    let code: serde_json::Value = serde_json::from_str(block("json")).unwrap();
    assert_eq!(code["glspc.server.command"], "riposte");
}

#[test]
fn neovim_shows_completes_and_mends() {
    let there = Command::new("nvim").arg("--version").stdout(Stdio::null()).status();
    if !there.is_ok_and(|status| status.success()) {
        eprintln!("skipped: no `nvim` (Debian: neovim)");
        return;
    }
    // Its folder is made as for the other tests.
    let place = Client::new();
    let rules = place.write("r.rhai", &RULES.replace(".then", ".by(\"ip\").then"));
    let script = place.write("try.lua", SCRIPT);
    let setup = place.write("setup.lua", &setup());
    let folder = std::path::Path::new(env!("CARGO_BIN_EXE_riposte")).parent().unwrap();
    let result = place.dir.path().join("result");
    let ran = Command::new("nvim")
        .args(["--headless", "-u", "NONE", "-i", "NONE", "-n", "-c"])
        .arg(format!("luafile {}", script.display()))
        .env("RULES", &rules)
        .env("RESULT", &result)
        .env("SETUP", &setup)
        .env("PATH", format!("{}:{}", folder.display(), std::env::var("PATH").unwrap()))
        .env("XDG_STATE_HOME", place.dir.path())
        .env("HOME", place.dir.path())
        .current_dir(place.dir.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    let seen = std::fs::read_to_string(&result).unwrap_or_else(|error| panic!("{error}: {said}"));
    let wanted = "diagnostic 1:25 unknown-field\ncompletion status\nhover true\nmended /* 😀é */ .when(|e| e.status == 404)\nsecond unknown-kind in line 3\nended\n";
    assert_eq!(seen, wanted, "{said}");
}
