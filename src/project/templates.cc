#include "project/templates.h"

namespace gfr {

Result<std::string> TemplateText(std::string_view name) {
  std::string valid;
  for (const ProjectTemplate& t : ProjectTemplates()) {
    if (t.name == name) return std::string(t.text);
    valid += (valid.empty() ? "" : ", ") + std::string(t.name);
  }
  return Error{ErrorCode::kInvalidArgument, "there is no template '" + std::string(name) + "'; valid are " + valid};
}

}  // namespace gfr
