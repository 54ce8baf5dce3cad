// Copies source lines and marks, function by function.
#include "loader/needs.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace skep::loader {
namespace {

constexpr std::size_t kMaxLineText = 512;
constexpr std::uint32_t kSlot = 8;

template <class Record>
void group(const std::vector<Record>& records,
           std::unordered_map<std::string_view, std::vector<const Record*>>& groups) {
  for (const Record& record : records) groups[record.section].push_back(&record);
  for (auto& [section, list] : groups)
    std::sort(list.begin(), list.end(), [](const Record* a, const Record* b) {
      return a->insn_bytes != b->insn_bytes ? a->insn_bytes < b->insn_bytes : a < b;
    });
}

/// The records of a function's slots.
template <class Record>
std::span<const Record* const> records_in(const std::vector<const Record*>& records, const Function& function) {
  const auto before = [](const Record* record, std::uint64_t bytes) { return record->insn_bytes < bytes; };
  const std::uint64_t start = std::uint64_t{function.start} * kSlot, bytes = std::uint64_t{function.count} * kSlot;
  const auto begin = std::lower_bound(records.begin(), records.end(), start, before);
  return {begin, std::lower_bound(begin, records.end(), start + bytes, before)};
}

}  // namespace

Annotations::Annotations(Source& source, const CoreMarks& marks) : source_(source), marks_(marks) {
  group(source.ext.lines, lines_);
}

Result<void> Annotations::count(std::size_t bytes, const program::Program& program) {
  need_bytes_ += bytes;
  if (need_bytes_ <= kMaxTextBytes) return {};
  return fail(ErrorCode::limit, fmt::format("program {}", shown(program.name)),
              fmt::format("the object's needs take more than {} MiB of text", kMaxTextBytes >> 20));
}

Result<void> Annotations::need(program::Need need, program::Program& program) {
  if (auto done = count(sizeof need + need.name.size(), program); !done) return done;
  program.needs.push_back(std::move(need));
  return {};
}

Result<void> Annotations::kfunc(program::KfuncUse use, program::Program& program) {
  if (auto done = count(sizeof use + use.name.size(), program); !done) return done;
  program.kfuncs.push_back(std::move(use));
  return {};
}

void Annotations::append_lines(const std::vector<const btf::LineInfo*>& lines, const Function& function,
                               std::uint32_t pc, program::Program& program) {
  for (const btf::LineInfo* line : records_in(lines, function)) {
    const std::uint32_t at = pc + line->insn_bytes / kSlot - function.start;
    if (!program.lines.empty() && program.lines.back().pc == at) continue;
    const std::string_view file = line->file.substr(0, kMaxLineText), text = line->text.substr(0, kMaxLineText);
    const std::size_t bytes = sizeof(program::Line) + file.size() + text.size();
    if (line_bytes_ + bytes > kMaxTextBytes) {
      if (line_bytes_ <= kMaxTextBytes)
        source_.notes.add(fmt::format("source lines past {} MiB of text are left out", kMaxTextBytes >> 20));
      line_bytes_ = kMaxTextBytes + 1;
      return;
    }
    line_bytes_ += bytes;
    program.lines.push_back(
        {.pc = at, .line = line->line, .column = line->column, .file = std::string(file), .text = std::string(text)});
  }
}

Result<void> Annotations::append(const CodeSection& section, const Function& function, std::uint32_t pc,
                                 program::Program& program) {
  if (const auto lines = lines_.find(section.name); lines != lines_.end())
    append_lines(lines->second, function, pc, program);
  for (const CoreMark& mark : marks_in(marks_.by_section[function.section], function.start, function.count)) {
    const std::uint32_t at = pc + mark.slot - function.start;
    if (!mark.poisoned) {
      auto done = need({.kind = program::Need::Kind::core_relocation, .name = mark.what, .pc = at}, program);
      if (!done) return done;
      continue;
    }
    if (auto done = count(sizeof(program::Poison) + mark.what.size(), program); !done) return done;
    program.poisons.push_back({at, mark.what});
  }
  return {};
}

}  // namespace skep::loader
