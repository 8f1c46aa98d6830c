// The report of a project's experiments, as the commands print it. Thread safety: the calling thread's alone.
#pragma once

#include <string>

#include "commands.h"

namespace gfr {

struct ReportFlags {
  std::string name, html, surface;  // Empty: all experiments, no page, no slice.
};

// From the project's log, by the allocation that its owner wrote last.
Result<Json> MakeExperimentReport(const Project& project, const ReportFlags& flags);
void PrintExperimentReport(const Json& report);

}  // namespace gfr
