// CheckOut: gfr.toml with the tables that a model version was trained with: its features, items, objectives and feeds.
//
// A model version keeps these tables (ModelTables in configuration.h) and no other, so checking one out brings no
// command, trigger, credential or setting of the server with it. All other lines of gfr.toml stay as they are.
// Thread safety: one caller a project at a time.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "project/configuration.h"
#include "workspace/workspace.h"

namespace gfr {

struct Checkout {
  std::string text;  // gfr.toml afterwards. It may still be refused: a trigger may name an objective that is gone.
  // How the tables change, line by line of one normal form (keys sorted, no comments): "- old", "+ new", and "  same"
  // for the header of a table in which something changes. Empty: nothing does, and `text` is what it was.
  std::vector<std::string> changes;
};

// `toml`: gfr.toml's text. `kept`: the version's configuration.toml. kInvalidArgument: `toml` is no TOML. kCorrupt:
// `kept` is none, or has a table that a model does not keep.
Result<Checkout> CheckOut(const std::string& toml, const std::string& kept);

// Reads the whole of gfr.toml as it would be, and refuses it as any command would. When `applies`, gfr.toml is then
// replaced, whole, and the one before is kept beside it (kBeforeCheckout).
Status WriteCheckout(const Workspace& workspace, const Checkout& checkout, const Configuration::UpperTables& upper,
                     bool applies);

inline constexpr const char* kBeforeCheckout = ".before-checkout";  // After the name of gfr.toml.

}  // namespace gfr
