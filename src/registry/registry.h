// Registry: immutable model versions in a folder: NAME/VERSION/, complete when its manifest.json (SHA-256 of every
// file) exists.
//
// A version is written beside and renamed; the alias `champion` is one file, replaced whole, that also remembers the
// champion before it. Thread safety: none between writers; readers may run beside one.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/file_system.h"

namespace gfr {

class Registry {
 public:
  struct Entry {
    std::string name, version;
    bool champion;
    std::int64_t created_ms;
  };
  Registry(FileSystem& fs, const Clock& clock, std::string folder)
      : fs_(fs), clock_(clock), folder_(std::move(folder)) {}

  Result<std::string> Register(const std::string& name,
                               const std::map<std::string, std::string>& files);  // The new version: "1", "2", ...
  Result<std::vector<Entry>> List(const std::string& name);
  // kCorrupt when a file is not what its manifest says.
  Result<std::map<std::string, std::string>> Load(const std::string& name, const std::string& version);
  Result<std::string> Champion(const std::string& name);  // kNotFound when there is none.
  Status Promote(const std::string& name, const std::string& version);
  Result<std::string> Rollback(const std::string& name);  // To the champion before; gives its version.

 private:
  Result<std::vector<std::string>> Aliases(const std::string& name);  // Champions, newest last.
  Status WriteAliases(const std::string& name, const std::vector<std::string>& champions);
  FileSystem& fs_;
  const Clock& clock_;
  const std::string folder_;
};

}  // namespace gfr
