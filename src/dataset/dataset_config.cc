#include "dataset/dataset_config.h"

#include <algorithm>

#include "dataset/loss.h"

namespace gfr {

Result<DatasetConfig> DatasetConfig::Read(Config& project, std::vector<ObjectiveConfig>* objectives) {
  Config table = project.Table("dataset");
  DatasetConfig dataset;
  SampleConfig& sample = dataset.sample;
  sample.negatives = table.Number("negatives", sample.negatives, 1e-4, 1);
  sample.half_life_ms = table.DurationMs("half_life", 0);
  sample.max_user_rows = table.Number("max_user_rows", 0, 0, 1e12);
  dataset.leave_out.robots = table.Boolean("leave_out_robots", false);
  dataset.leave_out.users = table.Strings("leave_out_users", {});
  dataset.incremental = table.Boolean("incremental", true);
  if (sample.negatives < 1 && std::ranges::any_of(*objectives, [](const ObjectiveConfig& o) {
        return o.softmax || o.mean() ||
               std::ranges::any_of(o.learn, [](const std::string& loss) { return loss != kLossNames[0]; });
      }))
    table.Fail(
        "negatives",
        "is below 1, but an objective's link is softmax or mean, or it learns within requests, which must be whole");
  const std::string slates = table.String("slates", "logged");
  if (slates != "logged" && slates != "sampled")
    table.Fail("slates", "is '" + slates + "'; valid are logged and sampled");
  Config keys = table.Table("sampled");
  if (slates != "sampled" && table.Has("sampled")) table.Fail("sampled", "needs slates = \"sampled\"");
  SampledSlates sampled{.on = slates == "sampled"};
  sampled.size = static_cast<int>(keys.Integer("size", sampled.size, 2, 1000));
  sampled.in_session = keys.Number("in_session", sampled.in_session, 0, 1);
  sampled.category = keys.Number("category", sampled.category, 0, 1);
  if (sampled.in_session + sampled.category > 1)
    keys.Fail("category", "and in_session are more than 1 together; what they leave is drawn by popularity");
  sampled.seed = static_cast<std::uint64_t>(keys.Integer("seed", 7, 0, 1 << 30));
  GFR_TRY(keys.Finish());
  GFR_TRY(table.Finish());
  for (ObjectiveConfig& o : *objectives) {
    if (o.population == EventType::kFeedImpression) o.sampled = sampled;
    if (o.sampled.on && o.mean())
      return Error{ErrorCode::kInvalidArgument,
                   "objective '" + o.name +
                       "' has the link mean, and [dataset] slates = \"sampled\": items that were never shown have no "
                       "amounts; give it another population",
                   o.where};
  }
  return dataset;
}

}  // namespace gfr
