#include "command_tree.h"

namespace gfr {
namespace {

// CLI11 describes a check that a value is one of a set as "{a,b,c}" in the option's type name.
std::vector<std::string> ValuesOf(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  const std::size_t open = type.find('{'), close = type.find('}');
  if (open == std::string::npos || close == std::string::npos) return {};
  return CLI::detail::split(type.substr(open + 1, close - open - 1), ',');
}

OptionInfo InfoOf(const CLI::Option& option) {
  OptionInfo info{.what = option.get_description(),
                  .otherwise = option.get_default_str(),
                  .values = ValuesOf(option),
                  .positional = option.get_positional(),
                  .takes_value = option.get_items_expected_max() > 0,
                  .required = option.get_required(),
                  .many = option.get_items_expected_max() > 1};
  if (info.positional) {
    info.names.push_back(option.get_name(/*positional=*/true));
  } else {
    for (const std::string& name : option.get_snames()) info.names.push_back("-" + name);
    for (const std::string& name : option.get_lnames()) info.names.push_back("--" + name);
  }
  return info;
}

void AddTo(const CLI::App& app, const std::string& path, std::vector<CommandInfo>* commands) {
  CommandInfo info{
      .path = path, .aliases = app.get_aliases(), .what = app.get_description(), .example = app.get_footer()};
  for (const CLI::Option* option : app.get_options()) {
    if (option != app.get_help_ptr()) info.options.push_back(InfoOf(*option));
  }
  const auto subcommands = app.get_subcommands([](const CLI::App*) { return true; });
  for (const CLI::App* subcommand : subcommands) info.subcommands.push_back(subcommand->get_name());
  commands->push_back(std::move(info));
  for (const CLI::App* subcommand : subcommands) AddTo(*subcommand, path + " " + subcommand->get_name(), commands);
}

}  // namespace

std::vector<CommandInfo> CommandsOf(const CLI::App& app) {
  std::vector<CommandInfo> commands;
  AddTo(app, "gfr", &commands);
  return commands;
}

}  // namespace gfr
