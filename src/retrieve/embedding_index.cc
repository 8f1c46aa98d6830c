#include "retrieve/embedding_index.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <utility>

#include "base/byte_reader.h"
#include "base/byte_writer.h"
#include "retrieve/key_search.h"

namespace gfr {
namespace {

constexpr char kEmbeddingMagic[] = "GFREMB01";
constexpr std::size_t kBlock = 512;         // Items whose dot products are made at once.
constexpr std::size_t kShortlistMore = 32;  // Items on the shortlist beyond twice what is asked for.

bool AreBounded(std::span<const float> values) {
  return std::ranges::all_of(values, [](float v) { return std::fabs(v) <= EmbeddingIndex::kGreatest; });  // NaN: no.
}

Status CheckParts(const EmbeddingIndex::Parts& parts) {
  const auto fail = [](std::string why) { return Error{ErrorCode::kInvalidArgument, "the embeddings " + why}; };
  const std::size_t dimensions = parts.dimensions;
  if (dimensions < 1 || dimensions > EmbeddingIndex::kMostDimensions)
    return fail("have " + std::to_string(dimensions) + " dimensions; valid are 1 to " +
                std::to_string(EmbeddingIndex::kMostDimensions));
  if (parts.items.size() > EmbeddingIndex::kMostItems)
    return fail("are of " + std::to_string(parts.items.size()) + " items, and the search reads at most " +
                std::to_string(EmbeddingIndex::kMostItems) + ": leave out the items that are asked for least");
  if (parts.vectors.size() != parts.items.size() * dimensions) return fail("are not as many as items x dimensions");
  if (!parts.inverse.empty() && parts.inverse.size() != dimensions * dimensions)
    return fail("have an inverse that is not dimensions x dimensions");
  for (std::size_t i = 0; i < parts.items.size(); ++i) {
    if (parts.items[i] == 0 || (i > 0 && parts.items[i] <= parts.items[i - 1]))
      return fail("name an item twice, or not in order");
  }
  if (!AreBounded(parts.vectors) || !AreBounded(parts.inverse) || !AreBounded({&parts.confidence, 1}) ||
      parts.confidence < 0)
    return fail("have a number that is not finite, or beyond 1,000,000");
  return {};
}

// Solves a * x = b of the size of `b`, row-major, by elimination with partial pivoting; false: `a` is singular.
bool Solve(std::vector<double> a, std::vector<double>* b) {
  const std::size_t n = b->size();
  for (std::size_t c = 0; c < n; ++c) {
    std::size_t pivot = c;
    for (std::size_t r = c + 1; r < n; ++r) {
      if (std::fabs(a[r * n + c]) > std::fabs(a[pivot * n + c])) pivot = r;
    }
    if (!(std::fabs(a[pivot * n + c]) > 1e-12)) return false;
    for (std::size_t k = 0; k < n; ++k) std::swap(a[pivot * n + k], a[c * n + k]);
    std::swap((*b)[pivot], (*b)[c]);
    for (std::size_t r = c + 1; r < n; ++r) {
      const double times = a[r * n + c] / a[c * n + c];
      for (std::size_t k = c; k < n; ++k) a[r * n + k] -= times * a[c * n + k];
      (*b)[r] -= times * (*b)[c];
    }
  }
  for (std::size_t c = n; c-- > 0;) {
    for (std::size_t k = c + 1; k < n; ++k) (*b)[c] -= a[c * n + k] * (*b)[k];
    (*b)[c] /= a[c * n + c];
  }
  return true;
}

}  // namespace

EmbeddingIndex::EmbeddingIndex(Parts parts, Int8Dots dots)
    : parts_(std::move(parts)),
      dots_(dots),
      stride_((parts_.dimensions + kInt8Step - 1) / kInt8Step * kInt8Step),
      storage_(parts_.items.size() * stride_ + kInt8Step),
      scales_(parts_.items.size()) {
  const auto at = reinterpret_cast<std::uintptr_t>(storage_.data());
  bytes_ = storage_.data() + (kInt8Step - at % kInt8Step) % kInt8Step;
  for (std::size_t i = 0; i < scales_.size(); ++i) scales_[i] = QuantizeInt8(Vector(i), bytes_ + i * stride_);
  if (scales_.size() >= InvertedFile::kLeastVectors) Group();
}

// Lays the quantised vectors out as the inverted file orders them.
void EmbeddingIndex::Group() {
  groups_ = InvertedFile({.values = parts_.vectors,
                          .dimensions = parts_.dimensions,
                          .bytes = bytes_,
                          .scales = scales_,
                          .stride = stride_,
                          .dots = dots_});
  const std::vector<std::int8_t> bytes(bytes_, bytes_ + scales_.size() * stride_);
  const std::vector<float> scales = scales_;
  for (std::size_t row = 0; row < scales.size(); ++row) {
    const std::size_t place = groups_.order()[row];
    std::memcpy(bytes_ + row * stride_, bytes.data() + place * stride_, stride_);
    scales_[row] = scales[place];
  }
}

Result<std::shared_ptr<const EmbeddingIndex>> EmbeddingIndex::Make(Parts parts, Int8Dots dots) {
  GFR_TRY(CheckParts(parts));
  return std::shared_ptr<const EmbeddingIndex>(new EmbeddingIndex(std::move(parts), dots));
}

std::string EmbeddingIndex::Encode() const {
  std::string body, bytes(kEmbeddingMagic, 8);
  ByteWriter out{&body};
  out.Varint(parts_.dimensions);
  out.Varint(parts_.items.size());
  for (const Key item : parts_.items) out.Number(item);
  for (const float v : parts_.vectors) out.Number(v);
  out.Number(parts_.confidence);
  out.Floats(parts_.inverse);
  ByteWriter head{&bytes};
  head.Number(Crc32c(body.data(), body.size()));
  return bytes + body;
}

Result<std::shared_ptr<const EmbeddingIndex>> EmbeddingIndex::Decode(std::string_view bytes) {
  const Error corrupt{ErrorCode::kCorrupt,
                      "the embeddings' bytes are not what was written (docs/formats/embedding.md)"};
  ByteReader in{bytes};
  if (in.Take(8) != std::string_view(kEmbeddingMagic, 8)) return corrupt;
  const auto crc = in.Number<std::uint32_t>();
  if (in.bad || crc != Crc32c(in.left.data(), in.left.size())) return corrupt;
  Parts parts;
  parts.dimensions = in.Varint();
  if (in.bad || parts.dimensions < 1 || parts.dimensions > kMostDimensions) return corrupt;
  const std::size_t items = in.Count(sizeof(Key) + parts.dimensions * sizeof(float));
  if (items > kMostItems) return corrupt;
  parts.items.resize(items);
  parts.vectors.resize(items * parts.dimensions);
  for (Key& item : parts.items) item = in.Number<Key>();
  for (float& v : parts.vectors) v = in.Number<float>();
  parts.confidence = in.Number<float>();
  parts.inverse = in.Floats();
  if (in.bad || !in.left.empty() || !CheckParts(parts).ok()) return corrupt;
  return Make(std::move(parts));
}

// The user's row with the items' factors Y as they are: x = (A + c Yk^T Yk)^-1 Yk^T (1 + c), where Yk has the user's
// items and A^-1 is kept. By the identity of Woodbury only a system of as many equations as items is solved:
// x = B (I + c Yk B)^-1 (1 + c) with B = A^-1 Yk^T.
std::vector<float> EmbeddingIndex::FoldIn(std::span<const std::size_t> places) const {
  const std::size_t n = places.size(), d = parts_.dimensions;
  const double c = parts_.confidence;
  std::vector<float> b(n * d);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t k = 0; k < d; ++k)
      b[i * d + k] = DotProduct(parts_.inverse.data() + k * d, Vector(places[i]).data(), d);
  }
  std::vector<double> system(n * n), weights(n, 1 + c);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j)
      system[i * n + j] = (i == j ? 1.0 : 0.0) + c * DotProduct(Vector(places[i]).data(), b.data() + j * d, d);
  }
  if (!Solve(std::move(system), &weights)) return {};
  std::vector<float> user(d);
  for (std::size_t k = 0; k < d; ++k) {
    double sum = 0;
    for (std::size_t i = 0; i < n; ++i) sum += weights[i] * b[i * d + k];
    user[k] = static_cast<float>(sum);
  }
  return user;
}

std::vector<float> EmbeddingIndex::UserVector(std::span<const Key> recent) const {
  std::vector<std::size_t> places;
  std::vector<float> user(parts_.dimensions);
  for (std::size_t i = 0; i < recent.size(); ++i) {
    const std::size_t place = PlaceAmongHashes(parts_.items, recent[i]);
    if (place == parts_.items.size() || parts_.items[place] != recent[i]) continue;
    if (std::ranges::find(places, place) != places.end()) continue;
    places.push_back(place);
    for (std::size_t k = 0; k < user.size(); ++k) user[k] += Vector(place)[k] / static_cast<float>(places.size());
  }
  if (places.empty()) return {};
  if (is_factors()) user = FoldIn(places);
  // A user to whom all items are alike has no nearest ones.
  const auto is_zero = [](float v) { return v == 0; };
  if (std::ranges::all_of(user, is_zero) || !std::ranges::all_of(user, [](float v) { return std::isfinite(v); }))
    return {};
  return user;
}

// At most twice the shortlist is kept; whenever it is full, its better half stays.
class EmbeddingIndex::Shortlist {
 public:
  struct Near {
    float score;
    std::uint32_t place;
    bool operator<(const Near& b) const { return score != b.score ? score > b.score : place < b.place; }
  };
  explicit Shortlist(std::size_t most) : most_(most) { near_.reserve(2 * most); }
  float least() const { return least_; }  // What is not above it does not come in.
  void Add(float score, std::uint32_t place) {
    near_.push_back({score, place});
    if (near_.size() < 2 * most_) return;
    Cut();
    least_ = near_.back().score;
  }
  const std::vector<Near>& Finish() {
    if (near_.size() > most_) Cut();
    return near_;
  }

 private:
  void Cut() {
    std::nth_element(near_.begin(), near_.begin() + static_cast<std::ptrdiff_t>(most_) - 1, near_.end());
    near_.resize(most_);
  }
  const std::size_t most_;
  std::vector<Near> near_;
  float least_ = -HUGE_VALF;
};

void EmbeddingIndex::Read(const std::int8_t* query, InvertedFile::Run run, Shortlist* shortlist) const {
  std::array<std::int32_t, kBlock> dots;
  for (std::size_t begin = run.begin; begin < run.end; begin += kBlock) {
    const std::size_t count = std::min<std::size_t>(kBlock, run.end - begin);
    dots_(query, bytes_ + begin * stride_, count, stride_, dots.data());
    for (std::size_t i = 0; i < count; ++i) {
      const float score = static_cast<float>(dots[i]) * scales_[begin + i];
      if (!(score > shortlist->least())) continue;
      const auto row = static_cast<std::uint32_t>(begin + i);
      shortlist->Add(score, groups_.empty() ? row : groups_.order()[row]);
    }
  }
}

std::vector<EmbeddingIndex::Found> EmbeddingIndex::Search(std::span<const float> user, std::size_t most) const {
  const std::size_t rows = std::max(kLeastRead, kReadAFound * std::min(most, parts_.items.size()));
  if (groups_.empty() || rows >= parts_.items.size() / 2) return SearchAll(user, most);
  return SearchRuns(user, most, groups_.Probe(user, rows));
}

std::vector<EmbeddingIndex::Found> EmbeddingIndex::SearchAll(std::span<const float> user, std::size_t most) const {
  return SearchRuns(user, most, std::vector<InvertedFile::Run>{{0, static_cast<std::uint32_t>(parts_.items.size())}});
}

std::vector<EmbeddingIndex::Found> EmbeddingIndex::SearchRuns(std::span<const float> user, std::size_t most,
                                                              std::span<const InvertedFile::Run> runs) const {
  const std::size_t items = parts_.items.size();
  if (items == 0 || most == 0) return {};
  std::vector<std::int8_t> query(stride_);
  QuantizeInt8(user, query.data());
  Shortlist shortlist(std::min(items, 2 * std::min(most, items) + kShortlistMore));
  for (const InvertedFile::Run& run : runs) Read(query.data(), run, &shortlist);
  std::vector<Found> found;
  for (const auto& one : shortlist.Finish())
    found.push_back({parts_.items[one.place], DotProduct(user.data(), Vector(one.place).data(), user.size())});
  std::sort(found.begin(), found.end());
  found.resize(std::min(found.size(), most));
  return found;
}

std::vector<EmbeddingIndex::Found> EmbeddingIndex::SearchExactly(std::span<const float> user, std::size_t most) const {
  std::vector<Found> found;
  for (std::size_t i = 0; i < parts_.items.size(); ++i)
    found.push_back({parts_.items[i], DotProduct(user.data(), Vector(i).data(), user.size())});
  std::sort(found.begin(), found.end());
  found.resize(std::min(found.size(), most));
  return found;
}

std::size_t EmbeddingIndex::memory_bytes() const {
  return parts_.items.capacity() * sizeof(Key) + (parts_.vectors.capacity() + parts_.inverse.capacity()) * 4 +
         storage_.capacity() + scales_.capacity() * 4 + groups_.memory_bytes();
}

}  // namespace gfr
