// man: the manual page gfr.1, made from the parser's own definitions.
#include <cstdio>

#include "command_tree.h"
#include "commands.h"

namespace gfr {
namespace {

// Text for roff: a backslash or a hyphen is written as such, and no line begins a request.
std::string Roff(const std::string& text) {
  std::string out;
  bool begins = true;
  for (const char c : text) {
    if (begins && (c == '.' || c == '\'')) out += "\\&";
    if (c == '\\')
      out += "\\e";
    else if (c == '-')
      out += "\\-";
    else
      out += c;
    begins = c == '\n';
  }
  return out;
}

std::string Synopsis(const CommandInfo& command) {
  std::string text = "\\fB" + Roff(command.path) + "\\fR";
  if (!command.subcommands.empty()) text += " \\fICOMMAND\\fR";
  bool options = false;
  for (const OptionInfo& option : command.options) options = options || !option.positional;
  if (options) text += " [\\fIOPTIONS\\fR]";
  for (const OptionInfo& option : command.options) {
    if (!option.positional) continue;
    const std::string name = "\\fI" + Roff(option.names[0]) + "\\fR" + (option.many ? "..." : "");
    text += option.required ? " " + name : " [" + name + "]";
  }
  return text;
}

std::string OptionText(const OptionInfo& option) {
  std::string heading;
  for (const std::string& name : option.names)
    heading += (heading.empty() ? "" : ", ") + std::string(option.positional ? "\\fI" : "\\fB") + Roff(name) + "\\fR";
  if (!option.positional && option.takes_value) heading += " \\fIVALUE\\fR";
  std::string text = option.what;
  std::string notes;
  if (option.required && !option.positional) notes = "required";
  if (!option.otherwise.empty()) notes += (notes.empty() ? "" : ", ") + ("default: " + option.otherwise);
  if (!notes.empty()) text += " (" + notes + ")";
  return ".TP\n" + heading + "\n" + Roff(text) + "\n";
}

std::string Manual(const std::vector<CommandInfo>& commands) {
  std::string page = ".\\\" Made by `gfr man`\n.TH GFR 1 \"\" \"gfr " GFR_VERSION
                     "\" \"User Commands\"\n.SH NAME\ngfr \\- a generalized "
                     "feed ranker\n.SH SYNOPSIS\n.B gfr\n\\fICOMMAND\\fR [\\fIOPTIONS\\fR]\n.SH DESCRIPTION\n" +
                     Roff(commands[0].what) +
                     "\n.PP\nA project is a folder with a gfr.toml and its data; \\fBgfr init\\fR makes one.\n"
                     ".SH COMMANDS\n";
  for (const CommandInfo& command : commands) {
    page += ".SS " + Roff(command.path) + "\n" + Roff(command.what) + "\n.PP\n" + Synopsis(command) + "\n";
    if (!command.aliases.empty()) {
      page += ".PP\nAlso:";
      for (const std::string& alias : command.aliases) page += " \\fB" + Roff(alias) + "\\fR";
      page += "\n";
    }
    for (const OptionInfo& option : command.options) page += OptionText(option);
    if (!command.example.empty()) page += ".PP\n.nf\n" + Roff(command.example) + "\n.fi\n";
  }
  return page +
         ".SH EXIT STATUS\n.TP\n0\ndone\n.TP\n1\nfailed, or a check found a fault\n.TP\n2\nwrong usage or a wrong "
         "configuration\n"
         ".SH FILES\n.TP\n\\fIPROJECT\\fR/gfr.toml\nthe configuration\n.TP\n\\fIPROJECT\\fR/data\nthe event log, "
         "models, "
         "reports and all else that gfr writes\n";
}

}  // namespace

void AddManual(CLI::App& app, Command& run) {
  CLI::App* c = app.add_subcommand("man", "Print the manual page gfr.1");
  c->footer("Example: gfr man | man -l -");
  c->callback([&run, &app] {
    run = [&app] {
      std::fputs(Manual(CommandsOf(app)).c_str(), stdout);
      return 0;
    };
  });
}

}  // namespace gfr
