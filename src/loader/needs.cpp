// Copies marks and the places of source lines, function by function; texts stay where the object's types are.
#include "loader/needs.hpp"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

namespace skep::loader {
namespace {

constexpr std::size_t kMaxLineText = 512;
constexpr std::uint32_t kSlot = 8;

std::uint32_t insn_bytes(const std::byte* record) {
  std::uint32_t bytes;
  std::memcpy(&bytes, record, sizeof bytes);
  return bytes;
}

/// The records of a function's slots.
std::span<const std::byte* const> records_in(const std::vector<const std::byte*>& records, const Function& function) {
  const auto before = [](const std::byte* record, std::uint64_t bytes) { return insn_bytes(record) < bytes; };
  const std::uint64_t start = std::uint64_t{function.start} * kSlot, bytes = std::uint64_t{function.count} * kSlot;
  const auto begin = std::lower_bound(records.begin(), records.end(), start, before);
  return {begin, std::lower_bound(begin, records.end(), start + bytes, before)};
}

}  // namespace

Annotations::Annotations(Source& source, const CoreMarks& marks) : source_(source), marks_(marks) {
  const auto& lines = source.ext.lines;
  for (auto each = lines.begin(); each != lines.end(); ++each) lines_[each.section()].push_back(each.place());
  for (auto& [section, places] : lines_)
    std::sort(places.begin(), places.end(), [](const std::byte* a, const std::byte* b) {
      return std::pair(insn_bytes(a), a) < std::pair(insn_bytes(b), b);  // of the same bytes, what the file has first
    });
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

void Annotations::append_lines(const Places& lines, const Function& function, std::uint32_t pc,
                               program::Program& program) {
  program.texts = source_.btf;
  for (const std::byte* const place : records_in(lines, function)) {
    const btf::LineInfo line = source_.ext.lines.decode({}, place);
    const std::uint32_t at = pc + line.insn_bytes / kSlot - function.start;
    if (!program.lines.empty() && program.lines.back().pc == at) continue;
    constexpr std::size_t kBytes = sizeof(program::Line);
    if (line_bytes_ + kBytes > kMaxTextBytes) {
      if (line_bytes_ <= kMaxTextBytes)
        source_.notes.add(fmt::format("source lines past {} MiB are left out", kMaxTextBytes >> 20));
      line_bytes_ = kMaxTextBytes + 1;
      return;
    }
    line_bytes_ += kBytes;
    program.lines.push_back({.pc = at,
                             .line = line.line,
                             .column = line.column,
                             .file = line.file.substr(0, kMaxLineText),
                             .text = line.text.substr(0, kMaxLineText)});
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
