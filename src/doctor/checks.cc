#include "doctor/checks.h"

namespace gfr {

void CheckRefused(const Observations&, std::vector<Finding>& out) {
  out.push_back(
      {.check = "event.refused",
       .text = "duplicates and rejected events never enter the log, so it cannot tell of them",
       .meaning = "They are counted where they were refused.",
       .action =
           "See gfr_events_duplicate_total and the rejections in the answers of /v1/events, and what `gfr import` "
           "printed."});
}

std::span<const Check> AllChecks() {
  static constexpr Check kChecks[] = {CheckRequestJoins, CheckPurchaseJoins, CheckMissingIds, CheckOrders,
                                      CheckCatalogue,    CheckClocks,        CheckBots,       CheckDays,
                                      CheckSilence,      CheckRefused};
  return kChecks;
}

}  // namespace gfr
