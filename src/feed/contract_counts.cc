#include "feed/contract_counts.h"

#include <algorithm>
#include <cmath>

#include "feed/slate_outcome.h"

namespace gfr {
namespace {

constexpr std::uint64_t kMagic = 0x31434e4f43524647u;  // "GFRCONC1"
// Of experiment/experiments.h, which is above this module.
constexpr const char *kHoldout = "holdout", *kHeldOut = "in";

Key RequestKey(const Event& e) {
  return e.request_id.empty() ? 0 : PairKey(KeyOf(e.user_id), PairKey(KeyOf(e.session_id), KeyOf(e.request_id)));
}

// The mean size of the values of what was shown; NaN: the record keeps none.
double MeanValue(const Event& e) {
  double sum = 0, count = 0;
  for (std::size_t i = 0; i < std::min(e.items.size(), e.served.value.size()); ++i) {
    if (e.items[i].index < 0 || !std::isfinite(e.served.value[i])) continue;
    sum += std::fabs(e.served.value[i]);
    ++count;
  }
  return sum / count;
}

}  // namespace

void ContractCounts::Fold(const LogRecord& r) {
  next_offset_ = r.offset + 1;
  if (r.event.type == EventType::kFeedRequest) FoldRequest(r);
  if (r.event.type == EventType::kFeedImpression) FoldImpression(r);
}

void ContractCounts::FoldRequest(const LogRecord& r) {
  const Event& e = r.event;
  const Key request = RequestKey(e);
  if (request == 0 || !e.served.exists()) return;
  for (const ServedExperiment& x : e.served.experiments) {
    if (x.overridden || (x.experiment == kHoldout && x.variant == kHeldOut)) return;
  }
  const auto outcome = ReadOutcome(e.served, e.items.size());
  if (!outcome.ok()) return;
  const std::vector<ContractTarget>& targets = duals_.targets();
  const std::string prefix = e.served.feed + "/";
  std::vector<std::vector<std::uint32_t>> inside(e.items.size());
  bool is_any = false;
  Open open{.arrival_ms = r.arrival_ms, .arm = ArmOf(e.served.experiments), .shown = {}};
  for (std::uint32_t c = 0; c < targets.size(); ++c) is_any = is_any || targets[c].id.starts_with(prefix);
  if (!is_any) return;
  duals_.Served(open.arm, r.arrival_ms, MeanValue(e));
  for (std::uint32_t c = 0; c < targets.size(); ++c) {
    if (!targets[c].id.starts_with(prefix)) continue;
    if (targets[c].kind == FeedContract::Kind::kExplored) {
      for (const ServedDraw& draw : e.served.draws) {
        for (const std::uint32_t i : draw.pool) {
          if (e.items[i].index == draw.position && e.items[i].channel == "explore") inside[i].push_back(c);
        }
      }
      continue;
    }
    const std::string name = ContractPart(targets[c].id.substr(prefix.size()));
    for (const PolicyPart& part : outcome.value().parts) {
      if (part.name != name) continue;
      for (const std::uint32_t i : part.items) {
        inside[i].push_back(c);
        duals_.Eligible(c, open.arm, KeyOf(e.items[i].item_id), r.arrival_ms);
      }
    }
  }
  for (std::size_t i = 0; i < e.items.size(); ++i) {
    if (e.items[i].index >= 0) open.shown.push_back({KeyOf(e.items[i].item_id), std::move(inside[i])});
  }
  Forget(r.arrival_ms - kOpenMs);
  if (open_.size() >= kMostOpen) {
    open_.erase(order_.front());
    order_.pop_front();
  }
  if (open_.emplace(request, std::move(open)).second) order_.push_back(request);
}

void ContractCounts::FoldImpression(const LogRecord& r) {
  Forget(r.arrival_ms - kOpenMs);
  const auto open = open_.find(RequestKey(r.event));
  if (open == open_.end()) return;
  for (const EventItem& item : r.event.items) {
    std::vector<Shown>& shown = open->second.shown;
    const auto at = std::ranges::find(shown, KeyOf(item.item_id), &Shown::item);
    if (at == shown.end()) continue;
    duals_.Viewed(open->second.arm, at->item, at->inside, r.arrival_ms);
    shown.erase(at);
  }
}

void ContractCounts::Forget(std::int64_t before_ms) {
  while (!order_.empty() && open_.at(order_.front()).arrival_ms < before_ms) {
    open_.erase(order_.front());
    order_.pop_front();
  }
}

std::string ContractCounts::Encode() const {
  std::string body;
  ByteWriter w{&body};
  w.Number(next_offset_);
  // The contracts by name, as open requests name them by place.
  w.Varint(duals_.targets().size());
  for (const ContractTarget& target : duals_.targets()) w.String(target.id);
  duals_.Encode(w);
  w.Varint(order_.size());
  for (const Key request : order_) {
    const Open& open = open_.at(request);
    w.Number(request);
    w.Number(open.arrival_ms);
    w.String(open.arm);
    w.Varint(open.shown.size());
    for (const Shown& shown : open.shown) {
      w.Number(shown.item);
      w.Varint(shown.inside.size());
      for (const std::uint32_t c : shown.inside) w.Varint(c);
    }
  }
  std::string bytes;
  ByteWriter head{&bytes};
  head.Number(kMagic);
  head.Number(Crc32c(body.data(), body.size()));
  return bytes + body;
}

Result<ContractCounts> ContractCounts::Decode(std::string_view bytes, std::vector<ContractTarget> targets) {
  const Error bad{ErrorCode::kCorrupt, "no counts of contracts, or of another gfr's"};
  ByteReader r{bytes};
  if (r.Number<std::uint64_t>() != kMagic) return bad;
  if (const auto crc = r.Number<std::uint32_t>(); r.bad || crc != Crc32c(r.left.data(), r.left.size())) return bad;
  const auto next_offset = r.Number<std::uint64_t>();
  // Places of then to places of now; targets.size(): gone.
  std::vector<std::size_t> places(r.Count(1));
  for (std::size_t& place : places)
    place = static_cast<std::size_t>(std::ranges::find(targets, r.String(), &ContractTarget::id) - targets.begin());
  const std::size_t count = targets.size();
  ContractCounts counts({});
  GFR_ASSIGN(counts.duals_, ContractDuals::Decode(r, std::move(targets)));
  counts.next_offset_ = next_offset;
  for (std::size_t n = r.Count(18); n > 0 && !r.bad; --n) {
    const Key request = r.Number<Key>();
    Open open{.arrival_ms = r.Number<std::int64_t>(), .arm = std::string(r.String()), .shown = {}};
    open.shown.resize(r.Count(9));
    for (Shown& shown : open.shown) {
      shown.item = r.Number<Key>();
      for (std::size_t k = r.Count(1); k > 0; --k) {
        const std::uint64_t place = r.Varint();
        if (place >= places.size()) return bad;
        if (places[place] < count) shown.inside.push_back(static_cast<std::uint32_t>(places[place]));
      }
    }
    if (counts.open_.emplace(request, std::move(open)).second) counts.order_.push_back(request);
  }
  if (r.bad || !r.left.empty()) return bad;
  return counts;
}

}  // namespace gfr
