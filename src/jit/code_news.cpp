// Names follow Linux' (bpf_prog_NAME), so that tools which know these need not learn others. What belongs to no
// function of the program has names of its own: the way in, and the detours at the end.
#include "jit/code_news.hpp"

#include <algorithm>
#include <deque>
#include <string>
#include <vector>

namespace skep::jit {
namespace {

using Role = MachineCode::Role;

/// Names come out of files: nothing in them may end a line of a list, or a word.
std::string symbol(std::string_view name, std::string_view suffix = {}) {
  std::string text = "bpf_prog_";
  text.append(name).append(suffix);
  std::replace_if(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == 0x7f; }, '_');
  return text;
}

std::string name_of(const MachineCode::Part& part, const program::Program& program) {
  const program::Subprog* subprog = program.subprog_at(part.pc);
  switch (part.role) {
    case Role::entry:
      return symbol(program.name, "_enter");
    case Role::prologue:
    case Role::insn:
      return symbol(subprog != nullptr ? subprog->name : program.name);
    case Role::detour:
    case Role::shared:
      return symbol(program.name, "_detours");
  }
  return {};
}

class Story {
 public:
  Story(const MachineCode& code, const program::Program& program) {
    for (const MachineCode::Part& part : code.parts) {
      add_function(part, program);
      add_line(part, program);
    }
    for (std::size_t i = 0; i < functions_.size(); ++i) {
      const bool last = i + 1 == functions_.size();
      const std::size_t end = last ? code.bytes.size() : functions_[i + 1].from_bytes;
      functions_[i].bytes = static_cast<std::uint32_t>(end - functions_[i].from_bytes);
    }
    if (program.lines.empty()) lines_.clear();
    news_ = {program.name, code.bytes, functions_, lines_};
  }
  Story(const Story&) = delete;
  Story& operator=(const Story&) = delete;

  [[nodiscard]] const CodeNews& news() const noexcept { return news_; }

 private:
  void add_function(const MachineCode::Part& part, const program::Program& program) {
    std::string name = name_of(part, program);
    if (!functions_.empty() && functions_.back().name == name) return;
    functions_.push_back({names_.emplace_back(std::move(name)), part.from_bytes, 0});
  }

  void add_line(const MachineCode::Part& part, const program::Program& program) {
    const bool of_insn = part.role == Role::prologue || part.role == Role::insn || part.role == Role::detour;
    const program::Line* line = of_insn ? program.line_at(part.pc) : nullptr;
    const CodeNews::Line next{part.from_bytes, line == nullptr ? 0 : line->line,
                              line == nullptr ? std::string_view() : line->file};
    if (!lines_.empty() && lines_.back().line == next.line && lines_.back().file == next.file) return;
    lines_.push_back(next);
  }

  std::deque<std::string> names_;  // the functions' views stay valid
  std::vector<CodeNews::Function> functions_;
  std::vector<CodeNews::Line> lines_;
  CodeNews news_;
};

/// Members go in reverse order: watchers hear of the end while the code is still there.
struct Shown {
  std::shared_ptr<const vm::NativeCode> code;
  std::vector<std::shared_ptr<const void>> until_gone;
};

}  // namespace

Result<std::shared_ptr<const vm::NativeCode>> show(std::shared_ptr<const vm::NativeCode> code,
                                                   const lower::Image& image,
                                                   std::span<const std::shared_ptr<CodeWatcher>> watchers) {
  if (watchers.empty()) return code;
  const Story story(code->code, *image.program);
  auto shown = std::make_shared<Shown>(Shown{std::move(code), {}});
  for (const auto& watcher : watchers) {
    auto until_gone = watcher->appeared(story.news());
    if (!until_gone) return fail(std::move(until_gone).error());
    shown->until_gone.push_back(std::move(*until_gone));
  }
  const vm::NativeCode* native = shown->code.get();
  return std::shared_ptr<const vm::NativeCode>(std::move(shown), native);
}

}  // namespace skep::jit
