// Shared libraries of Python wheels, found and loaded at run time. Thread safety: pure functions, but for the loader.
#pragma once

#include <string>

#include "base/result.h"

namespace gfr {

// Where `path` of a wheel ("xgboost/lib/libxgboost.so") is: what the environment's `variable` says, else beside the
// program: ../lib/gfr/ (installed), ../venv/ (the build folder); else its name alone, for the system's loader.
std::string FindWheelLibrary(const char* variable, const std::string& path);

// Frees what a library made, at the end of its scope.
struct LibraryHandle {
  explicit LibraryHandle(int (*f)(void*)) : free(f) {}
  ~LibraryHandle() {
    if (handle) free(handle);
  }
  LibraryHandle(const LibraryHandle&) = delete;
  void* handle = nullptr;
  int (*free)(void*);
};

// Its functions, by name. It is never unloaded. kNotFound: it is not there, or cannot be loaded.
class WheelLibrary {
 public:
  // `engine` and `variable` are for the error.
  static Result<WheelLibrary> Open(const std::string& path, const char* engine, const char* variable);
  template <typename Function>
  void Load(const char* name, Function& function) {
    function = reinterpret_cast<Function>(Find(name));
  }
  // kNotFound: one of the functions loaded is missing; `wanted` is the version that has them all.
  Status Check(const char* wanted) const;

 private:
  void* Find(const char* name);
  std::string path_, missing_;
  void* handle_ = nullptr;
};

}  // namespace gfr
