// completion: the shells' completion of gfr, made from the parser's own definitions.
//
// All three scripts work alike: they follow the words of the line from "gfr" down to a subcommand, skipping the values
// of options, then offer what is valid there. A value that may be anything is completed as a file name.
#include <cstdio>

#include "command_tree.h"
#include "commands.h"

namespace gfr {
namespace {

std::string Words(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

// The names of a command's options, in order.
std::vector<std::string> NamesOf(const CommandInfo& command) {
  std::vector<std::string> names{"--help"};
  for (const OptionInfo& option : command.options) {
    if (!option.positional) names.insert(names.end(), option.names.begin(), option.names.end());
  }
  return names;
}

// The first line of a help text, quoted for a shell in single quotes.
std::string Quoted(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text.substr(0, text.find('\n'))) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

// Every "COMMAND SUBCOMMAND" and "COMMAND OPTION-WITH-A-VALUE" as a pattern of a shell's case: 'gfr log'|'gfr train'.
struct Patterns {
  std::string commands, valued;
};

Patterns PatternsOf(const std::vector<CommandInfo>& commands) {
  Patterns patterns;
  const auto add = [](std::string* to, const std::string& pattern) {
    *to += (to->empty() ? "" : "|") + Quoted(pattern);
  };
  for (const CommandInfo& command : commands) {
    for (const std::string& name : command.subcommands) add(&patterns.commands, command.path + " " + name);
    for (const OptionInfo& option : command.options) {
      if (option.positional || !option.takes_value) continue;
      for (const std::string& name : option.names) add(&patterns.valued, command.path + " " + name);
    }
  }
  return patterns;
}

// Gives `each` every option that takes one of a list of values, as "command --option", and that list.
template <typename Each>
void ForEachChoice(const std::vector<CommandInfo>& commands, Each&& each) {
  for (const CommandInfo& command : commands) {
    for (const OptionInfo& option : command.options) {
      if (option.positional || option.values.empty()) continue;
      for (const std::string& name : option.names) each(command.path + " " + name, option.values);
    }
  }
}

std::string Bash(const std::vector<CommandInfo>& commands) {
  const Patterns patterns = PatternsOf(commands);
  std::string script =
      "# bash completion of gfr, made by `gfr completion bash`\n_gfr() {\n"
      "  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} at=gfr i words=\n"
      "  COMPREPLY=()\n"
      "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
      "    case \"$at ${COMP_WORDS[i]}\" in\n"
      "      " +
      patterns.commands +
      ") at=\"$at ${COMP_WORDS[i]}\" ;;\n"
      "      " +
      patterns.valued +
      ") i=$((i + 1)) ;;\n"
      "    esac\n  done\n"
      "  case \"$at $prev\" in\n";
  ForEachChoice(commands, [&](const std::string& at, const std::vector<std::string>& values) {
    script +=
        "    " + Quoted(at) + ") COMPREPLY=($(compgen -W " + Quoted(Words(values)) + " -- \"$cur\")); return ;;\n";
  });
  script += "    " + patterns.valued + ") return ;;\n  esac\n  case \"$at\" in\n";
  for (const CommandInfo& command : commands) {
    std::vector<std::string> words = command.subcommands;
    for (const OptionInfo& option : command.options) {
      if (option.positional) words.insert(words.end(), option.values.begin(), option.values.end());
    }
    script += "    " + Quoted(command.path) +
              ")\n      if [[ $cur == -* ]]; then words=" + Quoted(Words(NamesOf(command))) +
              "; else words=" + Quoted(Words(words)) + "; fi ;;\n";
  }
  return script + "  esac\n  COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n}\ncomplete -o default -F _gfr gfr\n";
}

// zsh's _describe takes "word:what it is", so a colon in a word or text is escaped.
std::string Described(const std::string& word, const std::string& what) {
  std::string text;
  for (const char c : word + "\n" + what.substr(0, what.find('\n'))) {
    if (c == ':') text += '\\';
    text += c == '\n' ? ':' : c;
  }
  return Quoted(text);
}

std::string Zsh(const std::vector<CommandInfo>& commands) {
  const Patterns patterns = PatternsOf(commands);
  std::string script =
      "#compdef gfr\n# zsh completion of gfr, made by `gfr completion zsh`\n_gfr() {\n"
      "  local at=gfr i\n  local -a options others\n"
      "  for ((i = 2; i < CURRENT; i++)); do\n"
      "    case \"$at $words[i]\" in\n"
      "      (" +
      patterns.commands +
      ") at=\"$at $words[i]\" ;;\n"
      "      (" +
      patterns.valued +
      ") i=$((i + 1)) ;;\n"
      "    esac\n  done\n"
      "  case \"$at $words[CURRENT-1]\" in\n";
  ForEachChoice(commands, [&](const std::string& at, const std::vector<std::string>& values) {
    script += "    (" + Quoted(at) + ") compadd -- " + Words(values) + "; return ;;\n";
  });
  script += "    (" + patterns.valued + ") _files; return ;;\n  esac\n  case \"$at\" in\n";
  for (const CommandInfo& command : commands) {
    script += "    (" + Quoted(command.path) + ")\n      options=('--help:Print the help'";
    for (const OptionInfo& option : command.options) {
      if (option.positional) continue;
      for (const std::string& name : option.names) script += " " + Described(name, option.what);
    }
    script += ")\n      others=(";
    for (const CommandInfo& child : commands) {
      for (const std::string& name : command.subcommands) {
        if (child.path == command.path + " " + name) script += Described(name, child.what) + " ";
      }
    }
    for (const OptionInfo& option : command.options) {
      if (!option.positional) continue;
      for (const std::string& value : option.values) script += Described(value, option.what) + " ";
    }
    script += ") ;;\n";
  }
  return script +
         "  esac\n  if [[ $words[CURRENT] == -* ]]; then\n    _describe option options\n"
         "  elif (( $#others )); then\n    _describe command others\n  else\n    _files\n  fi\n}\n"
         "if [[ $funcstack[1] == _gfr ]]; then _gfr \"$@\"; else compdef _gfr gfr; fi\n";
}

std::string Fish(const std::vector<CommandInfo>& commands) {
  std::string lists[2];  // Commands, and options with a value.
  for (const CommandInfo& command : commands) {
    for (const std::string& name : command.subcommands) lists[0] += " " + Quoted(command.path + " " + name);
    for (const OptionInfo& option : command.options) {
      if (option.positional || !option.takes_value) continue;
      for (const std::string& name : option.names) lists[1] += " " + Quoted(command.path + " " + name);
    }
  }
  std::string script =
      "# fish completion of gfr, made by `gfr completion fish`\n"
      "set -g __gfr_commands" +
      lists[0] + "\nset -g __gfr_valued" + lists[1] +
      "\n"
      "function __gfr_at --description 'Whether the line has come to this command'\n"
      "  set -l at gfr\n  set -l skip 0\n"
      "  for word in (commandline -opc)[2..-1]\n"
      "    if test $skip = 1\n      set skip 0\n"
      "    else if contains -- \"$at $word\" $__gfr_commands\n      set at \"$at $word\"\n"
      "    else if contains -- \"$at $word\" $__gfr_valued\n      set skip 1\n    end\n  end\n"
      "  test \"$at\" = \"$argv\"\nend\n";
  for (const CommandInfo& command : commands) {
    const std::string begin = "complete -c gfr -n " + Quoted("__gfr_at " + command.path);
    for (const CommandInfo& child : commands) {
      for (const std::string& name : command.subcommands) {
        if (child.path == command.path + " " + name)
          script += begin + " -f -a " + name + " -d " + Quoted(child.what) + "\n";
      }
    }
    for (const OptionInfo& option : command.options) {
      if (option.positional && !option.values.empty())
        script += begin + " -f -a " + Quoted(Words(option.values)) + " -d " + Quoted(option.what) + "\n";
      for (const std::string& name : option.names) {
        if (option.positional) continue;
        script += begin + (name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1)) +
                  (option.takes_value ? " -r" : "") +
                  (option.values.empty() ? "" : " -f -a " + Quoted(Words(option.values))) + " -d " +
                  Quoted(option.what) + "\n";
      }
    }
  }
  return script;
}

}  // namespace

void AddCompletion(CLI::App& app, Command& run) {
  static std::string shell;
  CLI::App* c = app.add_subcommand("completion", "Print a shell's completion script of gfr");
  c->add_option("SHELL", shell, "bash, zsh or fish")->required()->check(CLI::IsMember({"bash", "zsh", "fish"}));
  c->footer("Example: source <(gfr completion bash)");
  c->callback([&run, &app] {
    run = [&app] {
      const std::vector<CommandInfo> commands = CommandsOf(app);
      const std::string script = shell == "bash" ? Bash(commands) : shell == "zsh" ? Zsh(commands) : Fish(commands);
      std::fputs(script.c_str(), stdout);
      return 0;
    };
  });
}

}  // namespace gfr
