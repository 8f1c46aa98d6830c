// The gfr.toml files that `gfr init --template NAME` writes.
//
// Each is a file src/project/templates/NAME.toml; the build embeds them, so the program needs no files beside it.
// To add a template, add its file there. tests/configurations/ keeps those of earlier releases, which must load for
// ever.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace gfr {

struct ProjectTemplate {
  std::string_view name, text;
};

std::span<const ProjectTemplate> ProjectTemplates();  // All, by name.

// The text of one. kInvalidArgument if there is no template of that name; the message lists those there are.
Result<std::string> TemplateText(std::string_view name);

}  // namespace gfr
