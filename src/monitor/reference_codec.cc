// The bytes of a reference (docs/formats/drift.md).
#include <algorithm>
#include <cmath>

#include "base/byte_reader.h"
#include "base/byte_writer.h"
#include "monitor/reference.h"

namespace gfr {
namespace {

constexpr std::string_view kMagic = "GFRDRIFT";
constexpr std::uint32_t kFormat = 1;
constexpr std::uint8_t kCategorical = 1, kAllKnown = 2, kOfRequest = 4, kGrows = 8;

Error Damaged(const char* what) {
  return {ErrorCode::kCorrupt, std::string("the reference for drift (drift.bin) is damaged: ") + what};
}

void AppendCounts(const std::vector<std::uint64_t>& counts, ByteWriter& out) {
  for (const std::uint64_t count : counts) out.Varint(count);
}

void AppendColumn(const ReferenceColumn& column, ByteWriter& out) {
  const Bins& bins = column.bins;
  out.String(column.name);
  out.Number(column.fingerprint);
  out.Byte(static_cast<std::uint8_t>((bins.categorical ? kCategorical : 0) | (bins.all_known ? kAllKnown : 0) |
                                     (column.of_request ? kOfRequest : 0) | (column.grows ? kGrows : 0)));
  if (bins.categorical) {
    out.Floats(bins.codes);
    out.Floats(bins.others);
  } else {
    out.Number(bins.least);
    out.Floats(bins.uppers);
    out.Floats(bins.middles);
  }
  AppendCounts(column.counts.counts, out);
  out.Number(column.counts.least);
  out.Number(column.counts.most);
  AppendCounts(column.positives, out);
  out.Varint(column.names.size());
  for (const auto& [code, name] : column.names) {
    out.Number(code);
    out.String(name);
  }
}

bool Ascends(const std::vector<float>& values) {
  return std::ranges::all_of(values, [](float v) { return std::isfinite(v); }) &&
         std::ranges::adjacent_find(values, std::greater_equal<>()) == values.end();
}

bool ReadCounts(std::size_t bins, ByteReader& in, std::vector<std::uint64_t>* counts) {
  if (in.left.size() < bins) return false;
  counts->resize(bins);
  for (std::uint64_t& count : *counts) count = in.Varint();
  return !in.bad;
}

Result<ReferenceColumn> ReadColumn(ByteReader& in) {
  ReferenceColumn column;
  column.name = in.String();
  column.fingerprint = in.Number<std::uint64_t>();
  const auto flags = in.Number<std::uint8_t>();
  Bins& bins = column.bins;
  bins.categorical = (flags & kCategorical) != 0;
  bins.all_known = (flags & kAllKnown) != 0;
  column.of_request = (flags & kOfRequest) != 0;
  column.grows = (flags & kGrows) != 0;
  if (bins.categorical) {
    bins.codes = in.Floats();
    bins.others = in.Floats();
    if (bins.codes.size() > Bins::kCategories || bins.others.size() > Bins::kKnown)
      return Damaged("a column has too many categories");
  } else {
    bins.least = in.Number<float>();
    bins.uppers = in.Floats();
    bins.middles = in.Floats();
    const bool range =
        bins.uppers.empty() ? std::isnan(bins.least) : std::isfinite(bins.least) && bins.least <= bins.uppers.front();
    if (bins.uppers.size() > Bins::kDeciles || bins.middles.size() != bins.uppers.size() || !range)
      return Damaged("a column's bins are none");
  }
  if (!Ascends(bins.codes) || !Ascends(bins.others) || !Ascends(bins.uppers))
    return Damaged("bins of a column do not ascend");
  if (!ReadCounts(bins.size(), in, &column.counts.counts)) return Damaged("it ends within a column");
  column.counts.least = in.Number<float>();
  column.counts.most = in.Number<float>();
  if (!ReadCounts(bins.size(), in, &column.positives)) return Damaged("it ends within a column");
  for (std::size_t n = in.Count(sizeof(float) + 1); n > 0; --n) {
    const auto code = in.Number<float>();
    column.names[std::isnan(code) ? 0 : code] = in.String();
  }
  return column;
}

void AppendReference(const Reference& reference, ByteWriter& out) {
  out.String(reference.objective);
  out.Signed(reference.from_ms);
  out.Signed(reference.to_ms);
  out.Varint(reference.rows);
  out.Varint(reference.positives);
  out.Varint(reference.columns.size());
  for (const ReferenceColumn& column : reference.columns) AppendColumn(column, out);
  out.Varint(reference.windows.size());
  for (const ReferenceWindow& window : reference.windows) {
    out.Signed(window.from_ms);
    out.Signed(window.to_ms);
    out.Varint(window.rows);
    for (const std::uint32_t count : window.counts) out.Varint(count);
  }
}

Result<Reference> ReadReference(ByteReader& in) {
  Reference reference;
  reference.objective = in.String();
  reference.from_ms = in.Signed();
  reference.to_ms = in.Signed();
  reference.rows = in.Varint();
  reference.positives = in.Varint();
  for (std::size_t n = in.Count(20); n > 0; --n) {
    GFR_ASSIGN(ReferenceColumn column, ReadColumn(in));
    reference.columns.push_back(std::move(column));
  }
  const std::size_t bins = reference.bins();
  for (std::size_t n = in.Count(3 + bins); n > 0; --n) {
    ReferenceWindow window{.from_ms = in.Signed(), .to_ms = in.Signed(), .rows = in.Varint()};
    if (in.left.size() < bins) return Damaged("it ends within a window");
    window.counts.resize(bins);
    for (std::uint32_t& count : window.counts) count = static_cast<std::uint32_t>(in.Varint());
    const bool after = reference.windows.empty() || reference.windows.back().to_ms <= window.from_ms;
    if (!after || window.from_ms >= window.to_ms) return Damaged("its windows are in no order");
    reference.windows.push_back(std::move(window));
  }
  if (in.bad) return Damaged("it ends within a reference");
  return reference;
}

}  // namespace

std::string EncodeReferences(const References& references) {
  std::string bytes(kMagic);
  ByteWriter out{&bytes};
  out.Number(kFormat);
  AppendReference(references.features, out);
  out.Varint(references.priors.size());
  for (const Reference& prior : references.priors) AppendReference(prior, out);
  return bytes;
}

Result<References> DecodeReferences(std::string_view bytes) {
  ByteReader in{bytes};
  if (in.Take(kMagic.size()) != kMagic) return Damaged("it does not begin as one");
  if (const auto format = in.Number<std::uint32_t>(); format > kFormat) {
    return Error{ErrorCode::kNeedsNewer, "the reference for drift (drift.bin) has format " + std::to_string(format) +
                                             ", and this gfr reads up to " + std::to_string(kFormat) +
                                             "; use a newer gfr"};
  }
  References references;
  GFR_ASSIGN(references.features, ReadReference(in));
  for (std::size_t n = in.Count(7); n > 0; --n) {
    GFR_ASSIGN(Reference prior, ReadReference(in));
    references.priors.push_back(std::move(prior));
  }
  if (in.bad || !in.left.empty()) return Damaged("its length is not that of what it holds");
  return references;
}

}  // namespace gfr
