// Views without state: what the request and the catalogue say.
#include "base/time.h"
#include "feature/feature_set.h"

namespace gfr {
namespace {

enum class What { kUserProperty, kItemProperty, kAge, kLocalHour, kDayOfWeek };

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
          out[i] = static_cast<float>(local / kHourMs % 24);
          break;
        case What::kDayOfWeek:
          out[i] = static_cast<float>((local / kDayMs + 3) % 7);
          break;  // Monday is 0.
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

}  // namespace

MadeView MakeContextView(const FeatureConfig& f) {
  What what;
  int property = -1;
  bool categorical = f.categorical;
  if (f.type == "context" && f.property == "local_hour") {
    what = What::kLocalHour;
  } else if (f.type == "context" && f.property == "day_of_week") {
    what = What::kDayOfWeek;
  } else if (f.type == "context" && f.user_property >= 0) {
    what = What::kUserProperty;
    property = f.user_property;
  } else if (f.type != "context" && f.item_property >= 0) {
    what = f.type == "age" ? What::kAge : What::kItemProperty;
    property = f.item_property;
    if (f.type == "age" && categorical)
      return Error{ErrorCode::kInvalidArgument, "age needs a number property (seconds since 1970)"};
  } else {
    return Error{ErrorCode::kInvalidArgument,
                 "property '" + f.property + "' is not declared in " + (f.type == "context" ? "[user]" : "[item]")};
  }
  if (what == What::kLocalHour || what == What::kDayOfWeek) categorical = false;
  return std::shared_ptr<const FeatureView>(
      std::make_shared<ContextView>(SpecOf(f, 0, categorical), what, property, f.utc_offset_ms));
}

}  // namespace gfr
