#include <unistd.h>

#include <algorithm>
#include <atomic>

#include "base/clock.h"
#include "object/object_store.h"

namespace gfr {

Status CheckObjectName(const std::string& name) {
  const bool valid = !name.empty() && name.size() < 900 && name.front() != '/' && name.back() != '/' &&
                     name.find("..") == std::string::npos && name.find("//") == std::string::npos &&
                     std::ranges::all_of(name, [](char c) {
                       return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
                              c == '_' || c == '-' || c == '=' || c == '/';
                     });
  if (valid) return {};
  return Error{
      ErrorCode::kInvalidArgument,
      "'" + name + "' is no object name; valid are letters, digits, '.', '_', '-', '=' and single '/' between"};
}

namespace {

class Local final : public ObjectStore {
 public:
  Local(FileSystem& fs, std::string folder) : fs_(fs), folder_(std::move(folder)) {}

  Result<std::string> Get(const std::string& name) override {
    GFR_TRY(CheckObjectName(name));
    const std::string path = JoinPath(folder_, name);
    auto content = fs_.ReadAll(path);
    // A folder is no object, as on S3.
    if (!content.ok() && content.error().code != ErrorCode::kNotFound && fs_.Exists(path) && fs_.List(path).ok())
      return Error{ErrorCode::kNotFound, "'" + path + "' is a folder"};
    return content;
  }
  Result<std::vector<std::string>> List(const std::string& folder) override {
    GFR_ASSIGN(auto names, fs_.List(folder.empty() ? folder_ : JoinPath(folder_, folder)));
    std::erase_if(names, [](const std::string& n) { return n.starts_with('.') || n.ends_with(".tmp"); });
    return names;
  }
  Status Put(const std::string& name, std::string_view content) override {
    GFR_TRY(CheckObjectName(name));
    GFR_TRY(MakeFolderOf(name));
    return Publish(JoinPath(folder_, name), content);
  }
  Status PutIfAbsent(const std::string& name, std::string_view content) override {
    GFR_TRY(CheckObjectName(name));
    GFR_TRY(MakeFolderOf(name));
    std::unique_ptr<FileLock> lock;
    for (int wait = 0; !lock; ++wait) {  // Held for the time of one small write.
      auto locked = fs_.Lock(JoinPath(folder_, ".lock"));
      if (locked.ok())
        lock = std::move(locked).value();
      else if (wait == 500)
        return locked.error();
      else
        WaitUntil(MonotonicMs() + 10);
    }
    const std::string path = JoinPath(folder_, name);
    if (fs_.Exists(path)) return Error{ErrorCode::kAlreadyExists, "'" + path + "' is there already"};
    return Publish(path, content);
  }
  Status Remove(const std::string& name) override {
    GFR_TRY(CheckObjectName(name));
    return fs_.Remove(JoinPath(folder_, name));
  }
  std::string Describe() const override { return folder_; }

 private:
  // As PublishFile, but the file beside has a name of its own: two writers of one object never write into one file, and
  // the object is one of theirs, whole.
  Status Publish(const std::string& path, std::string_view content) {
    static std::atomic<std::uint64_t> next = 0;
    // Of one length and in one order, however often it was written before: a simulated run is the same twice.
    const std::string number = std::to_string(++next);
    const std::string beside =
        path + "." + std::to_string(::getpid()) + "-" + std::string(20 - number.size(), '0') + number + ".tmp";
    const Status written = [&]() -> Status {
      GFR_ASSIGN(const auto file, fs_.OpenForWrite(beside, /*append=*/false));
      GFR_TRY(file->Append(content));
      return file->Sync();
    }();
    if (!written.ok()) {
      (void)fs_.Remove(beside);
      return written;
    }
    GFR_TRY(fs_.Rename(beside, path));
    return fs_.SyncDirectory(path.substr(0, path.rfind('/')));
  }
  Status MakeFolderOf(const std::string& name) {
    const std::size_t slash = name.rfind('/');
    return fs_.MakeFolders(slash == std::string::npos ? folder_ : JoinPath(folder_, name.substr(0, slash)));
  }
  FileSystem& fs_;
  const std::string folder_;
};

}  // namespace

std::shared_ptr<ObjectStore> LocalObjectStore(FileSystem& fs, std::string folder) {
  return std::make_shared<Local>(fs, std::move(folder));
}

}  // namespace gfr
