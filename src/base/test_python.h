// Runs a Python script of a test and gives its stdout, for numbers computed by another system. For tests only.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <string>

#include "base/test_folder.h"

namespace gfr {

inline std::string RunPython(const TestFolder& folder, const std::string& script) {
  std::ofstream(folder / "script.py") << script;
  FILE* pipe = ::popen((std::string("cd '") + folder.path() + "' && '" GFR_PYTHON "' script.py").c_str(), "r");
  std::string out;
  std::array<char, 4096> buffer;
  for (std::size_t n; (n = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) out.append(buffer.data(), n);
  EXPECT_EQ(::pclose(pipe), 0);
  return out;
}

}  // namespace gfr
