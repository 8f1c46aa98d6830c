// Config: one table of a TOML file, read key by key with types checked, every error with file and line, and unknown
// keys refused.
//
// Use: read every key that is known (getters mark it as read), then Finish(), which names the first key nobody read.
// Errors are collected, so that reading needs no check after each key: Finish() returns the first of them.
// Thread safety: none. The tables of one document share it and may outlive the Config they came from.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace gfr {

class Config {
 public:
  // Parses a TOML document. `file` is only for messages.
  static Result<Config> Parse(std::string_view text, const std::string& file);
  Config();  // An empty table: every getter gives its default.

  bool Has(std::string_view key) const;
  bool HasTable(std::string_view key) const;  // It is a [key], and not a [[key]].
  std::string String(std::string_view key, std::string_view otherwise);
  std::int64_t Integer(std::string_view key, std::int64_t otherwise, std::int64_t low, std::int64_t high);
  double Number(std::string_view key, double otherwise, double low, double high);
  bool Boolean(std::string_view key, bool otherwise);
  std::int64_t DurationMs(std::string_view key, std::int64_t otherwise_ms);
  std::uint64_t SizeBytes(std::string_view key, std::uint64_t otherwise);  // "4GiB".
  std::vector<std::string> Strings(std::string_view key,
                                   std::vector<std::string> otherwise);  // A string alone is a list of one.
  std::vector<double> Numbers(std::string_view key, std::vector<double> otherwise);

  Config Table(std::string_view key);                // [key]; empty when missing. Its Finish() is the caller's duty.
  std::vector<Config> Tables(std::string_view key);  // [[key]], in file order.
  std::vector<std::string> Keys() const;             // In file order.
  // The tables of the document, also those within others, in file order: the line of each one's header, from 0 on, and
  // the top-level key that it is of.
  struct Header {
    std::size_t line;
    std::string key;
  };
  std::vector<Header> Headers() const;
  // These keys alone as a TOML document, without comments, keys in alphabetical order; marks nothing as read.
  std::string Extract(const std::vector<std::string>& keys) const;

  SourceSpan where() const;                      // Of the table itself.
  SourceSpan where(std::string_view key) const;  // Of a key, else of the table.

  // Adds an error of the caller's own at `key`; the first error of all is what Finish() returns.
  void Fail(std::string_view key, const std::string& message);
  // The first error, else an error for the first key that was never read, else ok.
  Status Finish() const;

 private:
  struct State;
  explicit Config(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace gfr
