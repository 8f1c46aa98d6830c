// CommandTree: what the parser knows of every command, as plain values: what completions and the manual are made from.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace gfr {

struct OptionInfo {
  std::vector<std::string> names;   // "--project"; of a positional its one name, "FILE".
  std::string what, otherwise;      // What it is for; its default, or empty.
  std::vector<std::string> values;  // All that it takes; empty: anything.
  bool positional = false, takes_value = false, required = false, many = false;
};

struct CommandInfo {
  std::string path;  // "gfr features list".
  std::vector<std::string> aliases;
  std::string what, example;
  std::vector<OptionInfo> options;       // Without -h, --help.
  std::vector<std::string> subcommands;  // Names; empty for a command that runs.
};

// The parser's commands, each before its subcommands, in the order in which they were added.
std::vector<CommandInfo> CommandsOf(const CLI::App& app);

}  // namespace gfr
