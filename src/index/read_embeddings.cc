#include "index/read_embeddings.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>
#include <vector>

#include "base/number_text.h"

namespace gfr {
namespace {

struct NamedVector {
  Key item;
  std::vector<float> vector;
};

Error Bad(const std::string& why) { return {ErrorCode::kInvalidArgument, why}; }

Result<std::shared_ptr<const EmbeddingIndex>> MakeIndex(std::vector<NamedVector> named, bool normalized) {
  if (named.empty()) return Bad("the file has no embeddings");
  std::ranges::sort(named, {}, &NamedVector::item);
  EmbeddingIndex::Parts parts{.items = {}, .dimensions = named[0].vector.size(), .vectors = {}};
  for (NamedVector& one : named) {
    double square = 0;
    for (const float v : one.vector) square += static_cast<double>(v) * v;
    const auto length = static_cast<float>(std::sqrt(square));
    parts.items.push_back(one.item);
    for (const float v : one.vector) parts.vectors.push_back(normalized && length > 0 ? v / length : v);
  }
  return EmbeddingIndex::Make(std::move(parts));
}

Result<float> ReadNumber(const std::string& text, std::uint64_t line) {
  double number;
  if (!ParseNumber(text, &number) || !std::isfinite(number))
    return Bad("row " + std::to_string(line) + ": '" + text + "' is not a finite number");
  return static_cast<float>(number);
}

}  // namespace

Result<std::shared_ptr<const EmbeddingIndex>> ReadEmbeddings(RowSource& rows, bool normalized) {
  const auto id = std::ranges::find(rows.columns(), "item_id");
  if (id == rows.columns().end()) return Bad("the file has no column item_id");
  const auto id_at = static_cast<std::size_t>(id - rows.columns().begin());
  std::vector<NamedVector> named;
  std::vector<Cell> row;
  for (;;) {
    GFR_ASSIGN(const bool more, rows.Next(&row));
    if (!more) return MakeIndex(std::move(named), normalized);
    const std::string where = "row " + std::to_string(rows.line());
    if (row.size() != rows.columns().size() || row[id_at].text.empty())
      return Bad(where + " has no item_id, or other columns");
    NamedVector one{KeyOf(row[id_at].text), {}};
    for (std::size_t c = 0; c < row.size(); ++c) {
      if (c == id_at) continue;
      const std::vector<std::string> alone{row[c].text};
      for (const std::string& text : row[c].is_list ? row[c].list : alone) {
        GFR_ASSIGN(const float v, ReadNumber(text, rows.line()));
        one.vector.push_back(v);
      }
    }
    if (!named.empty() && one.vector.size() != named[0].vector.size())
      return Bad(where + " has " + std::to_string(one.vector.size()) + " numbers, the first one has " +
                 std::to_string(named[0].vector.size()));
    if (named.size() == EmbeddingIndex::kMostItems)
      return Bad("the file has more than the " + std::to_string(EmbeddingIndex::kMostItems) +
                 " items that the search reads: leave out the items that are asked for least");
    named.push_back(std::move(one));
  }
}

namespace {

// The number behind `before` in a header of NumPy's; -1: there is none.
std::int64_t NumberBehind(std::string_view header, std::string_view before, std::string_view* rest) {
  const std::size_t at = header.find(before);
  if (at == std::string_view::npos) return -1;
  std::size_t digit = at + before.size();
  while (digit < header.size() && header[digit] == ' ') ++digit;
  std::int64_t number = -1;
  for (; digit < header.size() && header[digit] >= '0' && header[digit] <= '9' && number < 1'000'000'000; ++digit)
    number = std::max<std::int64_t>(number, 0) * 10 + (header[digit] - '0');
  *rest = header.substr(digit);
  return number;
}

struct NumPyMatrix {
  std::int64_t rows = 0, columns = 0;
  std::size_t width = 0;
  std::string_view data;
};

Result<NumPyMatrix> ReadNumPyHead(std::string_view npy) {
  const Error bad = Bad("the file is no .npy file of little-endian float32 or float64 in two dimensions and C order");
  if (npy.size() < 12 || npy.substr(0, 6) != std::string_view("\x93NUMPY", 6)) return bad;
  const bool is_long = npy[6] >= 2;
  const std::size_t begin = is_long ? 12 : 10;
  std::size_t length = 0;
  for (std::size_t b = begin; b-- > 8;) length = length << 8 | static_cast<std::uint8_t>(npy[b]);
  if (length > npy.size() - begin) return bad;
  const std::string_view header = npy.substr(begin, length);
  NumPyMatrix matrix{.data = npy.substr(begin + length)};
  std::string_view rest;
  matrix.rows = NumberBehind(header, "'shape': (", &rest);
  matrix.columns = NumberBehind(rest, ",", &rest);
  matrix.width = header.find("'<f4'") != std::string_view::npos   ? 4
                 : header.find("'<f8'") != std::string_view::npos ? 8
                                                                  : 0;
  if (matrix.rows < 0 || matrix.columns < 1 || !rest.starts_with(")") || matrix.width == 0 ||
      header.find("'fortran_order': False") == std::string_view::npos)
    return bad;
  const auto rows = static_cast<std::uint64_t>(matrix.rows), columns = static_cast<std::uint64_t>(matrix.columns);
  if (rows > EmbeddingIndex::kMostItems || columns > EmbeddingIndex::kMostDimensions ||
      matrix.data.size() != rows * columns * matrix.width)
    return Bad("the matrix has " + std::to_string(rows) + " x " + std::to_string(columns) +
               " numbers; valid are up to " + std::to_string(EmbeddingIndex::kMostItems) + " x " +
               std::to_string(EmbeddingIndex::kMostDimensions) + ", all of them in the file");
  return matrix;
}

}  // namespace

Result<std::shared_ptr<const EmbeddingIndex>> ReadNumPyEmbeddings(std::string_view npy, std::string_view ids,
                                                                  bool normalized) {
  GFR_ASSIGN(const NumPyMatrix matrix, ReadNumPyHead(npy));
  std::vector<NamedVector> named;
  const char* at = matrix.data.data();
  for (std::int64_t r = 0; r < matrix.rows; ++r) {
    const std::size_t end = std::min(ids.find('\n'), ids.size());
    std::string_view id = ids.substr(0, end);
    if (id.ends_with('\r')) id.remove_suffix(1);
    if (id.empty()) return Bad("line " + std::to_string(r + 1) + " of the ids is empty; the matrix has more rows");
    ids.remove_prefix(std::min(end + 1, ids.size()));
    NamedVector one{KeyOf(id), {}};
    for (std::int64_t c = 0; c < matrix.columns; ++c, at += matrix.width) {
      double wide = 0;
      float narrow = 0;
      if (matrix.width == 8)
        std::memcpy(&wide, at, sizeof wide);
      else
        std::memcpy(&narrow, at, sizeof narrow);
      one.vector.push_back(matrix.width == 8 ? static_cast<float>(wide) : narrow);
    }
    named.push_back(std::move(one));
  }
  if (!ids.empty()) return Bad("there are more ids than rows of the matrix");
  return MakeIndex(std::move(named), normalized);
}

}  // namespace gfr
