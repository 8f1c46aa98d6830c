#include "index/index_config.h"

#include "retrieve/embedding_index.h"

namespace gfr {

double IndexConfig::Weights::Of(EventType type) const {
  switch (type) {
    case EventType::kFeedClick:
      return click;
    case EventType::kItemView:
      return view;
    case EventType::kCartAdd:
      return cart;
    case EventType::kPurchase:
      return purchase;
    default:
      return 0;
  }
}

Result<IndexConfig> IndexConfig::Read(Config& project) {
  IndexConfig c;
  Config table = project.Table("index");
  c.als.factors = static_cast<int>(table.Integer("factors", c.als.factors, 1, 256));
  c.als.iterations = static_cast<int>(table.Integer("iterations", c.als.iterations, 1, 1000));
  c.als.regularization = table.Number("regularization", c.als.regularization, 1e-4, 1e6);
  c.als.alpha = table.Number("alpha", c.als.alpha, 0, 1e5);
  c.als.seed = static_cast<std::uint64_t>(table.Integer("seed", 1, 0, INT64_MAX));
  c.window_ms = table.DurationMs("window", c.window_ms);
  c.first_stage_items = static_cast<std::size_t>(
      table.Integer("first_stage_items", 20'000, 1, static_cast<std::int64_t>(EmbeddingIndex::kMostItems)));
  c.first_stage_requests = static_cast<std::size_t>(table.Integer("first_stage_requests", 300, 20, 100'000));
  Config weights = table.Table("weights");
  c.weights.click = weights.Number("click", c.weights.click, 0, 1000);
  c.weights.view = weights.Number("view", c.weights.view, 0, 1000);
  c.weights.cart = weights.Number("cart", c.weights.cart, 0, 1000);
  c.weights.purchase = weights.Number("purchase", c.weights.purchase, 0, 1000);
  if (c.weights.click + c.weights.view + c.weights.cart + c.weights.purchase == 0)
    weights.Fail("click", "is 0, as all weights are; one at least must be above 0");
  GFR_TRY(weights.Finish());
  GFR_TRY(table.Finish());
  return c;
}

}  // namespace gfr
