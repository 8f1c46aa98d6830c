#include "retrieve/first_stage.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/byte_reader.h"
#include "base/byte_writer.h"
#include "feature/feature_view.h"

namespace gfr {
namespace {

constexpr char kFirstStageMagic[] = "GFRFST01";

}  // namespace

Result<std::shared_ptr<const FirstStage>> FirstStage::Make(Parts parts) {
  if (parts.items == nullptr || parts.anchors.empty() || parts.anchors.size() != parts.means.size() ||
      parts.items->dimensions() != parts.anchors.size() + 1 || parts.items->is_factors() ||
      !std::ranges::all_of(parts.means, [](float v) { return std::isfinite(v); }))
    return Error{ErrorCode::kInvalidArgument, "the first stage's anchors and vectors do not belong together"};
  return std::shared_ptr<const FirstStage>(new FirstStage(std::move(parts)));
}

std::string FirstStage::Encode() const {
  std::string body, bytes(kFirstStageMagic, 8);
  ByteWriter out{&body};
  out.String(parts_.model);
  out.String(parts_.feed);
  out.Byte(parts_.is_log ? 1 : 0);
  out.Varint(parts_.anchors.size());
  for (std::size_t k = 0; k < parts_.anchors.size(); ++k) {
    out.String(parts_.anchors[k].item_id);
    out.Number(parts_.means[k]);
  }
  out.String(parts_.items->Encode());
  ByteWriter head{&bytes};
  head.Number(Crc32c(body.data(), body.size()));
  return bytes + body;
}

Result<std::shared_ptr<const FirstStage>> FirstStage::Decode(std::string_view bytes) {
  const Error corrupt{ErrorCode::kCorrupt,
                      "the first stage's bytes are not what was written (docs/formats/first-stage.md)"};
  ByteReader in{bytes};
  if (in.Take(8) != std::string_view(kFirstStageMagic, 8)) return corrupt;
  const auto crc = in.Number<std::uint32_t>();
  if (in.bad || crc != Crc32c(in.left.data(), in.left.size())) return corrupt;
  Parts parts;
  parts.model = in.String();
  parts.feed = in.String();
  const auto is_log = in.Number<std::uint8_t>();
  parts.is_log = is_log == 1;
  const std::size_t anchors = in.Count(1 + sizeof(float));
  if (in.bad || is_log > 1 || anchors > kMostAnchors) return corrupt;
  for (std::size_t k = 0; k < anchors; ++k) {
    parts.anchors.push_back({.item_id = std::string(in.String())});
    parts.means.push_back(in.Number<float>());
  }
  const std::string_view items = in.String();
  if (in.bad || !in.left.empty()) return corrupt;
  auto index = EmbeddingIndex::Decode(items);
  if (!index.ok()) return corrupt;
  parts.items = std::move(index).value();
  auto made = Make(std::move(parts));
  return made.ok() ? std::move(made) : corrupt;
}

float FirstStage::Told(bool is_log, float value) {
  return is_log ? static_cast<float>(Log2(std::max(value, kLeastValue))) : value;  // Of NaN: the least.
}

std::vector<EmbeddingIndex::Found> FirstStage::Search(std::span<const float> values, std::size_t most) const {
  std::vector<float> user{1};
  for (std::size_t k = 0; k < values.size(); ++k) {
    const float away = Told(parts_.is_log, values[k]) - parts_.means[k];
    user.push_back(std::isfinite(away) ? away : 0);  // An anchor without a value says nothing.
  }
  return parts_.items->SearchAll(user, most);
}

}  // namespace gfr
