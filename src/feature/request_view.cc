// Request: what the caller says with the request, of it ([request], from its context) or of each candidate
// ([request_item], from candidates[].properties). Nothing is kept: what was not said is missing.
#include "feature/feature_types.h"

namespace gfr {
namespace {

class RequestView final : public FeatureView {
 public:
  RequestView(FeatureSpec spec, const FeatureConfig& f)
      : FeatureView(std::move(spec)),
        of_candidate_(f.request_item_property >= 0),
        property_(static_cast<std::size_t>(of_candidate_ ? f.request_item_property : f.request_property)) {}

  void Read(const ReadContext& c, const StateRows&, Column out) const noexcept override {
    for (std::size_t i = 0; i < c.items.size(); ++i) {
      PropertyValue value;
      if (!of_candidate_ && property_ < c.request_properties.size()) value = c.request_properties[property_];
      if (of_candidate_ && c.request_item_properties)
        value = c.request_item_properties[i * c.request_item_property_count + property_];
      out[i] = spec_.categorical ? CategoryCode(value.category) : RowValue(value.number);
    }
  }

 private:
  const bool of_candidate_;
  const std::size_t property_;
};

MadeView MakeRequestView(const FeatureConfig& f) {
  return std::shared_ptr<const FeatureView>(std::make_shared<RequestView>(SpecOf(f, 0, f.categorical), f));
}

constexpr FeatureRead kRequestReads[] = {{nullptr, "property", ScopeRule::kRequest, PropertyRule::kRequest, 0,
                                          "what the caller said with the request, of it or of the candidate",
                                          "the caller did not say it"}};
constexpr FeatureType kRequestTypes[] = {{.name = "request", .make = MakeRequestView, .reads = kRequestReads}};

}  // namespace

std::span<const FeatureType> RequestTypes() { return kRequestTypes; }

}  // namespace gfr
