// An evaluation report as tables on the terminal.
#pragma once

#include "evaluate/report.h"

namespace gfr {

void PrintReport(const EvaluationReport& report);

}  // namespace gfr
