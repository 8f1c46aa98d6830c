#include "event/importer.h"

#include "base/hex.h"
#include "base/text_reader.h"
#include "base/time.h"
#include "event/event_json.h"
#include "event/property_value.h"

namespace gfr {
namespace {

constexpr std::int64_t kMaxFutureMs = 5 * kMinuteMs;
constexpr std::int64_t kPlausibleMs = 631'152'000'000;  // 1990-01-01.
constexpr std::string_view kInvented = "row-";
constexpr std::size_t kFewIds = 64;

void WarnOfProperty(const EventRules& rules, const Property& p, const std::string& file, std::uint64_t line,
                    ImportReport* report) {
  const auto declared = rules.properties.find(p.name);
  if (declared == rules.properties.end()) return;
  if (declared->second == PropertyType::kNumber && !p.text.empty())
    report->Warn("property '" + p.name + "' is declared a number; what is none is missing", p.text, file, line);
  if (declared->second == PropertyType::kCategory && (p.text == "NULL" || p.text == "\\N"))
    report->Warn("property '" + p.name + "' has a category that looks missing; null = [...] in the map makes it so",
                 p.text, file, line);
}

}  // namespace

bool Admit(const ImportSettings& settings, const std::string& file, std::uint64_t line, Event* event,
           ImportReport* report) {
  Event& e = *event;
  if (const auto refused = ApplyRules(settings.rules, &e)) {
    report->Reject(file, line, refused->message);
    return false;
  }
  if (const auto refused = CheckCurrency(settings.rules, e, &report->currency)) {
    report->Reject(file, line, refused->message);
    return false;
  }
  if (settings.now_ms < INT64_MAX - kMaxFutureMs && e.time_ms > settings.now_ms + kMaxFutureMs) {
    report->Reject(
        file, line,
        "time " + FormatTime(e.time_ms) + " is in the future; now is " + FormatTime(settings.now_ms / 1000 * 1000));
    return {};
  }
  if (e.time_ms < kPlausibleMs)
    report->Warn("the time is before 1990: is it in the unit that the map says?", FormatTime(e.time_ms), file, line);
  for (const Property& p : e.context) WarnOfProperty(settings.rules, p, file, line, report);
  for (const EventItem& item : e.items) {
    for (const Property& p : item.properties) WarnOfProperty(settings.rules, p, file, line, report);
    if (e.type == EventType::kPurchase && item.price == 0)
      report->Warn("an item is bought at the price 0", item.item_id, file, line);
  }
  return true;
}

Status TakeEvent(const ImportSettings& settings, const std::string& file, std::uint64_t line, Event&& event,
                 const ImportSink& sink, ImportReport* report) {
  if (!Admit(settings, file, line, &event, report)) return {};
  ++report->events;
  return sink(std::move(event));
}

std::string InventedId(std::uint64_t row_hash) { return std::string(kInvented) + HexText(row_hash); }

bool IsInventedId(std::string_view id) { return id.starts_with(kInvented) && id.size() >= kInvented.size() + 16; }

void InventedIds::Number(std::int64_t arrival_ms, Event* event) {
  if (arrival_ms != at_ms_ && count_ > 0) {
    ids_.assign(kFewIds, 0);
    ids_.shrink_to_fit();
    count_ = 0;
    again_.clear();
  }
  at_ms_ = arrival_ms;
  if (!IsInventedId(event->id)) return;
  const Key id = KeyOf(event->id);
  if (Insert(id)) return;
  event->id += "-" + std::to_string(++again_[id] + 1);
}

bool InventedIds::Insert(Key id) {
  const auto place_of = [](const std::vector<Key>& ids, Key key) {
    std::size_t at = key & (ids.size() - 1);
    while (ids[at] != 0 && ids[at] != key) at = (at + 1) & (ids.size() - 1);
    return at;
  };
  if (ids_.empty()) ids_.assign(kFewIds, 0);
  if (2 * (count_ + 1) > ids_.size()) {
    std::vector<Key> more(2 * ids_.size(), 0);
    for (const Key key : ids_) {
      if (key != 0) more[place_of(more, key)] = key;
    }
    ids_ = std::move(more);
  }
  Key& place = ids_[place_of(ids_, id)];
  if (place == id) return false;
  place = id;
  ++count_;
  return true;
}

Status ImportNdjson(const std::string& file, const ImportSettings& settings, const ImportSink& sink,
                    ImportReport* report) {
  GFR_ASSIGN(const auto reader, TextReader::Open(file));
  std::string line;
  for (std::uint64_t number = 1;; ++number) {
    GFR_ASSIGN(const bool more, reader->NextLine(&line));
    if (!more) return {};
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    ++report->rows;
    ParsedEvents parsed = ParseEvents(line, BodyFormat::kNdjson, {.rules = &settings.rules});
    for (const Rejection& r : parsed.rejected) report->Reject(file, number, r.code + ": " + r.message);
    for (Event& e : parsed.events) GFR_TRY(TakeEvent(settings, file, number, std::move(e), sink, report));
  }
}

}  // namespace gfr
