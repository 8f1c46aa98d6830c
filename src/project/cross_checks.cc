#include "project/cross_checks.h"

namespace gfr {

Status CheckValueFormula(Config& project, const FeedConfig& feed, const std::vector<ObjectiveConfig>& objectives) {
  if (!feed.value.Uses("pctr") || !feed.value.Uses("pcvr")) return {};
  const ObjectiveConfig *pctr = nullptr, *pcvr = nullptr;
  for (const ObjectiveConfig& o : objectives) {
    if (o.name == "pctr") pctr = &o;
    if (o.name == "pcvr") pcvr = &o;
  }
  if (!pctr || !pcvr || pcvr->population == pctr->label) return {};
  Config table = project.Table("feed");
  table.Fail("value", "combines pctr and pcvr, but pcvr's population is not pctr's label event");
  return table.Finish();
}

}  // namespace gfr
