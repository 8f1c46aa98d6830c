#include "serve/plain_body.h"

#include "serve/number_list.h"

namespace gfr {
namespace {

constexpr std::size_t kMostBesideData = 4096;

const char* AddNumberList(const char* at, const char* end, RowMatrix* rows) {
  return rows->doubles ? ReadNumberList(at, end, &rows->f64) : ReadNumberList(at, end, &rows->f32);
}

// A walk through a text, with blanks anywhere.
struct Walk {
  const char* at;
  const char* const end;

  void PassBlanks() {
    while (at < end && IsJsonBlank(*at)) ++at;
  }
  bool Take(std::string_view word) {
    PassBlanks();
    if (!std::string_view(at, end).starts_with(word)) return false;
    at += word.size();
    return true;
  }
  bool is_over() {
    PassBlanks();
    return at == end;
  }
};

bool AddPlainRows(Walk walk, RowMatrix* rows) {
  if (!walk.Take("{") || !(walk.Take("\"instances\"") || walk.Take("\"inputs\"")) || !walk.Take(":") || !walk.Take("["))
    return false;
  do {
    if (!walk.Take("[")) return false;
    const std::size_t before = rows->values();
    walk.at = AddNumberList(walk.at, walk.end, rows);
    if (walk.at == nullptr || rows->values() - before != rows->columns) return false;
  } while (walk.Take(","));
  return walk.Take("]") && walk.Take("}") && walk.is_over();
}

}  // namespace

bool ReadPlainRows(std::string_view body, RowMatrix* rows) {
  const std::size_t before = rows->values();
  if (AddPlainRows({body.data(), body.data() + body.size()}, rows)) return true;
  rows->Resize(before);
  return false;
}

bool TakeData(std::string_view body, bool as_doubles, BodyWithoutData* taken) {
  static constexpr std::string_view kKey = "\"data\"";
  const std::size_t key_at = body.substr(0, kMostBesideData).find(kKey);
  if (key_at == std::string_view::npos) return false;
  Walk walk{body.data() + key_at + kKey.size(), body.data() + body.size()};
  if (!walk.Take(":") || !walk.Take("[")) return false;
  taken->values.Clear(1, as_doubles);
  taken->list_at = static_cast<std::size_t>(walk.at - body.data()) - 1;
  const char* const behind = AddNumberList(walk.at, walk.end, &taken->values);
  if (behind == nullptr) return false;
  const auto rest = static_cast<std::size_t>(walk.end - behind);
  if (taken->list_at + rest > kMostBesideData) return false;
  taken->text.assign(body.substr(0, taken->list_at)).append("[]").append(behind, rest);
  taken->is_used = false;
  return true;
}

}  // namespace gfr
