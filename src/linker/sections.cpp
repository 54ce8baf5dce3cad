// Appends section after section. What grows is bounded: contents by the inputs, padding by an allowance of its own, so
// that no choice of alignments makes much out of little.
#include "linker/sections.hpp"

#include <algorithm>
#include <unordered_map>

#include <fmt/format.h>

#include "base/bits.hpp"

namespace skep::linker {
namespace {

constexpr std::uint64_t kMaxSectionBytes = UINT32_MAX, kMaxPadding = 4u << 20;
constexpr std::uint64_t kInsnBytes = 8;

class Layout {
 public:
  explicit Layout(std::span<Input> inputs) : inputs_(inputs) {}

  Result<void> add(std::size_t input, const elf::Section& section);
  /// Contents are copied last, when it is known how much room they need.
  [[nodiscard]] std::vector<OutSection> take();

 private:
  std::uint32_t open(std::size_t input, const elf::Section& section);
  [[nodiscard]] Result<void> check_match(std::size_t input, const elf::Section& section, const OutSection& out) const;
  Result<std::uint64_t> append(const Input& input, const elf::Section& section, OutSection& out);

  std::span<Input> inputs_;
  std::vector<OutSection> sections_;
  std::unordered_map<std::string_view, std::uint32_t> by_name_;
  std::uint64_t padding_ = 0;
};

/// The output section of that name, made when there is none.
std::uint32_t Layout::open(std::size_t input, const elf::Section& section) {
  const auto [known, is_new] = by_name_.try_emplace(section.name, static_cast<std::uint32_t>(sections_.size()));
  if (is_new)
    sections_.push_back({.name = section.name,
                         .first_input = input,
                         .type = section.type,
                         .flags = section.flags,
                         .entry_size = section.entry_size});
  return known->second;
}

Result<void> Layout::check_match(std::size_t input, const elf::Section& section, const OutSection& out) const {
  struct Property {
    const char* name;
    std::uint64_t mine, theirs;
  };
  for (const Property& each : {Property{"type", section.type, out.type}, Property{"flags", section.flags, out.flags},
                               Property{"entry size", section.entry_size, out.entry_size}})
    if (each.mine != each.theirs)
      return fail(
          ErrorCode::invalid, inputs_[input].where_section(section),
          fmt::format("{} {:#x}, in {} it is {:#x}", each.name, each.mine, inputs_[out.first_input].name, each.theirs));
  return {};
}

/// Gives the offset at which the contents begin.
Result<std::uint64_t> Layout::append(const Input& input, const elf::Section& section, OutSection& out) {
  const auto limit = [&](std::string what) {
    return fail(ErrorCode::limit, input.where_section(section), std::move(what));
  };
  const std::uint64_t align = std::max({section.align, out.align, out.is_code() ? kInsnBytes : 1});
  const std::uint64_t at = round_up(out.size, align);
  if (at + section.size > kMaxSectionBytes)
    return limit(fmt::format("ends at byte {}, at most {} are taken", at + section.size, kMaxSectionBytes));
  if (out.type != elf::kNobits) {
    padding_ += at - out.size;
    if (padding_ > kMaxPadding) return limit(fmt::format("needs more than {} bytes of padding", kMaxPadding));
    if (is_shared(section.name)) {
      out.data.resize(at);
      out.data.insert(out.data.end(), section.data.begin(), section.data.end());
    }
  }
  out.size = at + section.size;
  out.align = align;
  return at;
}

Result<void> Layout::add(std::size_t index, const elf::Section& section) {
  Input& input = inputs_[index];
  Place& place = input.places[section.index];
  place.section = open(index, section);
  OutSection& out = sections_[place.section];
  if (auto match = check_match(index, section, out); !match) return match;
  if (is_shared(section.name) && out.first_input != index) {
    place.shared = true;
    if (std::ranges::equal(out.data, section.data)) return {};
    return fail(ErrorCode::invalid, input.where_section(section),
                fmt::format("is not that of {}, all inputs must agree", inputs_[out.first_input].name));
  }
  const auto at = append(input, section, out);
  if (!at) return fail(at.error());
  place.offset = *at;
  return {};
}

std::vector<OutSection> Layout::take() {
  for (OutSection& out : sections_)
    if (out.type != elf::kNobits) out.data.resize(out.size);
  for (const Input& input : inputs_)
    for (const elf::Section& section : input.file.sections) {
      const Place& place = input.places[section.index];
      if (place.section == Place::kNowhere || place.shared || section.data.empty()) continue;
      std::ranges::copy(section.data,
                        sections_[place.section].data.begin() + static_cast<std::ptrdiff_t>(place.offset));
    }
  return std::move(sections_);
}

}  // namespace

Result<std::vector<OutSection>> lay_out(std::span<Input> inputs) {
  Layout layout(inputs);
  for (std::size_t i = 0; i < inputs.size(); ++i)
    for (const elf::Section& section : inputs[i].file.sections) {
      if (inputs[i].places[section.index].section == Place::kNowhere) continue;
      if (auto done = layout.add(i, section); !done) return fail(std::move(done).error());
    }
  return layout.take();
}

}  // namespace skep::linker
