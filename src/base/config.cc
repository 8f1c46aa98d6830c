#include "base/config.h"

#include <algorithm>
#include <optional>
#include <set>

// toml++ 3.3 asserts on some wrong input ("[*]") right before it finds and reports the mistake itself.
#define TOML_ASSERT(expression) static_assert(true)
#define TOML_EXCEPTIONS 1
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

#include "base/size.h"
#include "base/time.h"

namespace gfr {

struct Config::State {
  std::shared_ptr<const toml::table> document;  // Keeps `table` alive.
  const toml::table* table = nullptr;
  std::string file;
  std::string path;  // "[feed]", for messages.
  std::set<std::string, std::less<>> read;
  std::optional<Error> first_error;

  const toml::node* Find(std::string_view key) {
    read.emplace(key);
    return table ? table->get(key) : nullptr;
  }
};

namespace {

std::string TypeName(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::string:
      return "a string";
    case toml::node_type::integer:
      return "an integer";
    case toml::node_type::floating_point:
      return "a number";
    case toml::node_type::boolean:
      return "a boolean";
    case toml::node_type::array:
      return "a list";
    case toml::node_type::table:
      return "a table";
    default:
      return "a date or time";
  }
}

std::string Short(double value) {
  std::string text = std::to_string(value);
  text.erase(text.find_last_not_of('0') + 1);
  if (!text.empty() && text.back() == '.') text.pop_back();
  return text;
}

}  // namespace

Config::Config() : state_(std::make_shared<State>()) {}
Config::Config(std::shared_ptr<State> state) : state_(std::move(state)) {}

Result<Config> Config::Parse(std::string_view text, const std::string& file) try {
  auto document = std::make_shared<const toml::table>(toml::parse(text, file));
  auto state = std::make_shared<State>();
  state->table = document.get();
  state->document = std::move(document);
  state->file = file;
  return Config(std::move(state));
} catch (const toml::parse_error& error) {
  return Error{ErrorCode::kInvalidArgument,
               std::string(error.description()),
               {file, static_cast<int>(error.source().begin.line)}};
}

bool Config::Has(std::string_view key) const { return state_->table && state_->table->contains(key); }

std::string Config::String(std::string_view key, std::string_view otherwise) {
  const toml::node* node = state_->Find(key);
  if (!node) return std::string(otherwise);
  if (const auto* value = node->as_string()) return value->get();
  Fail(key, TypeName(*node) + " where a string is valid");
  return std::string(otherwise);
}

std::int64_t Config::Integer(std::string_view key, std::int64_t otherwise, std::int64_t low, std::int64_t high) {
  const toml::node* node = state_->Find(key);
  if (!node) return otherwise;
  const auto* value = node->as_integer();
  if (!value) {
    Fail(key, TypeName(*node) + " where an integer is valid");
    return otherwise;
  }
  if (value->get() < low || value->get() > high) {
    Fail(key,
         "is " + std::to_string(value->get()) + ", valid is " + std::to_string(low) + " to " + std::to_string(high));
    return otherwise;
  }
  return value->get();
}

double Config::Number(std::string_view key, double otherwise, double low, double high) {
  const toml::node* node = state_->Find(key);
  if (!node) return otherwise;
  double value = 0;
  if (const auto* real = node->as_floating_point()) {
    value = real->get();
  } else if (const auto* whole = node->as_integer()) {
    value = static_cast<double>(whole->get());
  } else {
    Fail(key, TypeName(*node) + " where a number is valid");
    return otherwise;
  }
  if (!(value >= low && value <= high)) {
    Fail(key, "is " + Short(value) + ", valid is " + Short(low) + " to " + Short(high));
    return otherwise;
  }
  return value;
}

bool Config::Boolean(std::string_view key, bool otherwise) {
  const toml::node* node = state_->Find(key);
  if (!node) return otherwise;
  if (const auto* value = node->as_boolean()) return value->get();
  Fail(key, TypeName(*node) + " where true or false is valid");
  return otherwise;
}

std::int64_t Config::DurationMs(std::string_view key, std::int64_t otherwise_ms) {
  if (!Has(key)) {
    state_->Find(key);
    return otherwise_ms;
  }
  const auto duration = ParseDuration(String(key, ""));
  if (duration.ok()) return duration.value();
  Fail(key, duration.error().message);
  return otherwise_ms;
}

std::uint64_t Config::SizeBytes(std::string_view key, std::uint64_t otherwise) {
  if (!Has(key)) {
    state_->Find(key);
    return otherwise;
  }
  const auto size = ParseSize(String(key, ""));
  if (size.ok()) return size.value();
  Fail(key, size.error().message);
  return otherwise;
}

std::vector<std::string> Config::Strings(std::string_view key, std::vector<std::string> otherwise) {
  const toml::node* node = state_->Find(key);
  if (!node) return otherwise;
  if (const auto* one = node->as_string()) return {one->get()};
  const toml::array* list = node->as_array();
  if (!list) {
    Fail(key, TypeName(*node) + " where a list of strings is valid");
    return otherwise;
  }
  std::vector<std::string> values;
  for (const toml::node& element : *list) {
    if (const auto* value = element.as_string()) {
      values.push_back(value->get());
    } else {
      Fail(key, TypeName(element) + " in the list where a string is valid");
    }
  }
  return values;
}

std::vector<double> Config::Numbers(std::string_view key, std::vector<double> otherwise) {
  const toml::node* node = state_->Find(key);
  if (!node) return otherwise;
  const toml::array* list = node->as_array();
  if (!list) {
    Fail(key, TypeName(*node) + " where a list of numbers is valid");
    return otherwise;
  }
  std::vector<double> values;
  for (const toml::node& element : *list) {
    if (const auto* real = element.as_floating_point()) {
      values.push_back(real->get());
    } else if (const auto* whole = element.as_integer()) {
      values.push_back(static_cast<double>(whole->get()));
    } else {
      Fail(key, TypeName(element) + " in the list where a number is valid");
    }
  }
  return values;
}

Config Config::Table(std::string_view key) {
  const toml::node* node = state_->Find(key);
  auto child = std::make_shared<State>();
  child->file = state_->file;
  child->path = "[" + std::string(key) + "]";
  if (node) {
    if (const toml::table* table = node->as_table()) {
      child->document = state_->document;
      child->table = table;
    } else {
      Fail(key, TypeName(*node) + " where a table is valid");
    }
  }
  return Config(std::move(child));
}

std::vector<Config> Config::Tables(std::string_view key) {
  const toml::node* node = state_->Find(key);
  std::vector<Config> tables;
  if (!node) return tables;
  const toml::array* list = node->as_array();
  if (!list) {
    Fail(key, TypeName(*node) + " where [[" + std::string(key) + "]] is valid");
    return tables;
  }
  for (const toml::node& element : *list) {
    const toml::table* table = element.as_table();
    if (!table) {
      Fail(key, TypeName(element) + " where [[" + std::string(key) + "]] is valid");
      continue;
    }
    auto child = std::make_shared<State>();
    child->document = state_->document;
    child->table = table;
    child->file = state_->file;
    child->path = "[[" + std::string(key) + "]]";
    tables.push_back(Config(std::move(child)));
  }
  return tables;
}

std::vector<std::string> Config::Keys() const {
  std::vector<std::pair<std::pair<std::uint32_t, std::uint32_t>, std::string>> found;
  if (state_->table) {
    for (const auto& [key, node] : *state_->table) {
      found.push_back({{key.source().begin.line, key.source().begin.column}, std::string(key.str())});
    }
  }
  std::ranges::sort(found);
  std::vector<std::string> keys;
  for (auto& [at, key] : found) keys.push_back(std::move(key));
  return keys;
}

SourceSpan Config::where() const {
  return {state_->file, state_->table ? static_cast<int>(state_->table->source().begin.line) : 0};
}

SourceSpan Config::where(std::string_view key) const {
  if (state_->table) {
    const auto at = state_->table->find(key);
    if (at != state_->table->end()) return {state_->file, static_cast<int>(at->first.source().begin.line)};
  }
  return where();
}

void Config::Fail(std::string_view key, const std::string& message) {
  if (state_->first_error) return;
  state_->first_error =
      Error{ErrorCode::kInvalidArgument,
            (state_->path.empty() ? "" : state_->path + " ") + std::string(key) + ": " + message, where(key)};
}

Status Config::Finish() const {
  if (state_->first_error) return *state_->first_error;
  for (const std::string& key : Keys()) {
    if (state_->read.contains(key)) continue;
    std::string valid;
    for (const std::string& name : state_->read) valid += (valid.empty() ? "" : ", ") + name;
    return Error{
        ErrorCode::kInvalidArgument,
        (state_->path.empty() ? "" : state_->path + " ") + std::string("unknown key '") + key + "'; valid are " + valid,
        where(key)};
  }
  return {};
}

}  // namespace gfr
