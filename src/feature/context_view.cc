// Views without state: what the request and the catalogue say.
#include <algorithm>
#include <chrono>

#include "base/time.h"
#include "feature/feature_types.h"

namespace gfr {
namespace {

// The last five in the order of kContextNames.
enum class What { kUserProperty, kItemProperty, kAge, kLocalHour, kDayOfWeek, kMonth, kIsWeekend, kSurface };

// 0 is Monday. Floor, so that instants before 1970 have one too.
std::int64_t DayOfWeek(std::int64_t local_ms) {
  const std::int64_t day = local_ms / kDayMs - (local_ms % kDayMs < 0);
  return ((day + 3) % 7 + 7) % 7;
}
unsigned Month(std::int64_t local_ms) {
  const std::chrono::sys_days day(std::chrono::days(local_ms / kDayMs - (local_ms % kDayMs < 0)));
  return static_cast<unsigned>(std::chrono::year_month_day(day).month());
}

class ContextView final : public FeatureView {
 public:
  ContextView(FeatureSpec spec, What what, int property, std::int64_t utc_offset_ms)
      : FeatureView(std::move(spec)),
        what_(what),
        property_(static_cast<std::size_t>(property)),
        utc_offset_ms_(utc_offset_ms) {}

  void Read(const ReadContext& c, const StateRows&, Column out) const noexcept override {
    const std::int64_t local = c.now_ms + utc_offset_ms_;
    for (std::size_t i = 0; i < c.items.size(); ++i) {
      switch (what_) {
        case What::kUserProperty:
          out[i] = Value(c.user_properties[property_]);
          break;
        case What::kItemProperty:
          out[i] = Value(c.item_property(i, property_));
          break;
        case What::kAge: {
          const double released_s = c.item_property(i, property_).number;
          out[i] = RowValue((static_cast<double>(c.epoch_end_ms) / 1000.0 - released_s) / 86400.0);
          break;
        }
        case What::kLocalHour:
          out[i] = static_cast<float>((local % kDayMs + kDayMs) % kDayMs / kHourMs);
          break;
        case What::kDayOfWeek:
          out[i] = static_cast<float>(DayOfWeek(local));
          break;
        case What::kMonth:
          out[i] = static_cast<float>(Month(local));
          break;
        case What::kIsWeekend:
          out[i] = DayOfWeek(local) >= 5 ? 1.0f : 0.0f;
          break;
        case What::kSurface:
          out[i] = CategoryCode(c.surface);
          break;
      }
    }
  }

 private:
  float Value(const PropertyValue& v) const noexcept {
    return spec_.categorical ? CategoryCode(v.category) : RowValue(v.number);
  }
  const What what_;
  const std::size_t property_;
  const std::int64_t utc_offset_ms_;
};

MadeView MakeContextView(const FeatureConfig& f) {
  What what = What::kItemProperty;
  if (f.type == "age")
    what = What::kAge;
  else if (f.user_property >= 0)
    what = What::kUserProperty;
  else if (f.type == "context")
    what = static_cast<What>(static_cast<int>(What::kLocalHour) +
                             (std::ranges::find(kContextNames, f.property) - std::begin(kContextNames)));
  const int property = what == What::kUserProperty ? f.user_property : f.item_property;
  return std::shared_ptr<const FeatureView>(
      std::make_shared<ContextView>(SpecOf(f, 0, f.categorical), what, property, f.utc_offset_ms));
}

constexpr FeatureRead kContextReads[] = {{nullptr, "property", ScopeRule::kRequest, PropertyRule::kContext, 0,
                                          "what the request says of its user or its time",
                                          "neither it nor an event told"}};
constexpr FeatureRead kPropertyReads[] = {{nullptr, "property", ScopeRule::kRequest, PropertyRule::kItem, 0,
                                           "the candidate's property", "neither catalogue nor request has it"}};
constexpr FeatureRead kAgeReads[] = {{nullptr, "property", ScopeRule::kRequest, PropertyRule::kItemNumber, 0,
                                      "days from the property (seconds since 1970) to the epoch's end",
                                      "neither catalogue nor request has it"}};
constexpr FeatureType kContextTypes[] = {
    {.name = "context", .make = MakeContextView, .reads = kContextReads, .in_local_time = true},
    {.name = "property", .make = MakeContextView, .reads = kPropertyReads, .of_item_alone = true},
    {.name = "age", .make = MakeContextView, .reads = kAgeReads, .of_item_alone = true}};

}  // namespace

std::span<const FeatureType> ContextTypes() { return kContextTypes; }

}  // namespace gfr
