#include "project/checkout.h"

#include <algorithm>
#include <string_view>

#include "base/config.h"

namespace gfr {
namespace {

bool IsModelTable(const std::string& key) { return std::ranges::find(ModelTables(), key) != ModelTables().end(); }

std::vector<std::string> LinesOf(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

bool StartsWith(const std::string& line, char c) {
  const std::size_t first = line.find_first_not_of(" \t");
  return first != std::string::npos && line[first] == c;
}

// Longest common subsequence of lines; both texts are a configuration's, so quadratic time does.
std::vector<std::string> Differences(const std::vector<std::string>& from, const std::vector<std::string>& to) {
  const std::size_t n = from.size(), m = to.size();
  std::vector<std::size_t> common((n + 1) * (m + 1), 0);
  const auto at = [&](std::size_t i, std::size_t j) -> std::size_t& { return common[i * (m + 1) + j]; };
  for (std::size_t i = n; i-- > 0;) {
    for (std::size_t j = m; j-- > 0;)
      at(i, j) = from[i] == to[j] ? at(i + 1, j + 1) + 1 : std::max(at(i + 1, j), at(i, j + 1));
  }
  std::vector<std::string> changes;
  std::string header;  // Of the table, while it has not been shown.
  const auto add = [&](char sign, const std::string& line) {
    if (line.empty()) return;
    if (!header.empty() && !StartsWith(line, '[')) changes.push_back("  " + header);
    header.clear();
    changes.push_back(std::string(1, sign) + " " + line.substr(std::min(line.find_first_not_of(' '), line.size())));
  };
  for (std::size_t i = 0, j = 0; i < n || j < m;) {
    if (i < n && j < m && from[i] == to[j]) {
      if (StartsWith(from[i], '[')) header = from[i];
      ++i, ++j;
    } else if (j == m || (i < n && at(i + 1, j) >= at(i, j + 1))) {
      add('-', from[i++]);
    } else {
      add('+', to[j++]);
    }
  }
  return changes;
}

}  // namespace

Result<Checkout> CheckOut(const std::string& toml, const std::string& kept) {
  GFR_ASSIGN(const Config now, Config::Parse(toml, "gfr.toml"));
  const auto then = Config::Parse(kept, "configuration.toml");
  if (!then.ok()) return Error{ErrorCode::kCorrupt, then.error().ToString()};
  for (const std::string& key : then.value().Keys()) {
    if (!IsModelTable(key))
      return Error{ErrorCode::kCorrupt, "the version's configuration.toml has [" + key + "], which no model keeps"};
  }
  const std::string after = then.value().Extract(ModelTables());
  Checkout checkout{.text = toml, .changes = Differences(LinesOf(now.Extract(ModelTables())), LinesOf(after))};
  if (checkout.changes.empty()) return checkout;

  // A table's lines go from the comments right above its header to those of the next one.
  const std::vector<std::string> lines = LinesOf(toml);
  std::vector<bool> removed(lines.size(), false);
  const std::vector<Config::Header> headers = now.Headers();
  const auto begin = [&](std::size_t h) {
    std::size_t line = headers[h].line;
    while (line > 0 && StartsWith(lines[line - 1], '#')) --line;
    return line;
  };
  std::size_t place = lines.size();
  for (std::size_t h = 0; h < headers.size(); ++h) {
    if (!IsModelTable(headers[h].key)) continue;
    const std::size_t end = h + 1 < headers.size() ? begin(h + 1) : lines.size();
    place = std::min(place, begin(h));
    std::fill(removed.begin() + static_cast<std::ptrdiff_t>(begin(h)),
              removed.begin() + static_cast<std::ptrdiff_t>(std::max(begin(h), end)), true);
  }
  checkout.text.clear();
  for (std::size_t i = 0; i <= lines.size(); ++i) {
    if (i == place) checkout.text += after + (after.ends_with('\n') ? "\n" : "\n\n");
    if (i < lines.size() && !removed[i]) checkout.text += lines[i] + "\n";
  }
  // Tables that no header begins (item.kind = ..., under the root) would now stand twice: refused rather than guessed.
  const auto whole = Config::Parse(checkout.text, "gfr.toml");
  if (!whole.ok() || whole.value().Extract(ModelTables()) != after) {
    return Error{ErrorCode::kInvalidArgument,
                 "gfr.toml has a table of the model without a header of its own; write it as [table] first"};
  }
  return checkout;
}

Status WriteCheckout(const Workspace& workspace, const Checkout& checkout, const Configuration::UpperTables& upper,
                     bool applies) {
  GFR_ASSIGN(Config config, Config::Parse(checkout.text, "gfr.toml of the version"));
  GFR_TRY(Configuration::Read(config, upper));
  if (!applies) return {};
  const std::string path = workspace.configuration_path();
  GFR_ASSIGN(const std::string before, workspace.fs().ReadAll(path));
  GFR_TRY(PublishFile(workspace.fs(), path + kBeforeCheckout, before));
  return PublishFile(workspace.fs(), path, checkout.text);
}

}  // namespace gfr
