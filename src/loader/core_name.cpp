// Names CO-RE relocations for people: "task_struct::se.load[2] (byte_off)".
#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include <fmt/format.h>

#include "loader/core_relocate.hpp"

namespace skep::loader {
namespace {

constexpr std::size_t kMaxNeedText = 256, kMaxPathSteps = 64;

/// enum bpf_core_relo_kind, in libbpf's words.
constexpr std::array<std::string_view, 13> kQuestions = {
    "byte_off",       "byte_sz",     "field_exists", "signed",         "lshift_u64",    "rshift_u64",   "local_type_id",
    "target_type_id", "type_exists", "type_size",    "enumval_exists", "enumval_value", "type_matches",
};
/// The next number of an access path "0:1:2".
std::optional<std::uint32_t> next_index(std::string_view& path) {
  std::uint32_t index = 0;
  const auto [end, error] = std::from_chars(path.data(), path.data() + path.size(), index);
  if (error != std::errc{}) return std::nullopt;
  path.remove_prefix(static_cast<std::size_t>(end - path.data()));
  if (path.starts_with(':')) path.remove_prefix(1);
  return index;
}

/// "::pid", "::se.load[2]": the members that a path after its first number leads through.
std::string name_path(const btf::Btf& btf, btf::TypeId id, std::string_view path) {
  std::string text;
  for (std::size_t step = 0; step < kMaxPathSteps && text.size() < kMaxNeedText; ++step) {
    const auto index = next_index(path);
    if (!index) break;
    const btf::Type& type = btf.type(btf.strip(id));
    if (type.kind == btf::Kind::array) {
      text += fmt::format("[{}]", *index);
      id = type.ref;
      continue;
    }
    const auto members = btf.members(type);
    if (*index >= members.size()) break;
    const btf::Member& member = members[*index];
    id = member.type;
    if (member.name.empty()) continue;
    text += text.empty() ? "::" : ".";
    text += member.name.substr(0, kMaxNeedText);
  }
  return text;
}

}  // namespace

std::string name_of_core_relocation(const btf::Btf& btf, const btf::CoreReloc& reloc) {
  const btf::Type& type = btf.type(btf.strip(reloc.type));
  const btf::Type& named = btf.type(reloc.type).name.empty() ? type : btf.type(reloc.type);
  std::string text =
      named.name.empty() ? fmt::format("type {}", reloc.type) : std::string(named.name.substr(0, kMaxNeedText));
  std::string_view path = reloc.access;
  const auto first = next_index(path);
  const auto values = btf.enumerators(type);
  if (first && !values.empty() && *first < values.size())
    text += fmt::format("::{}", values[*first].name.substr(0, kMaxNeedText));
  else if (first)
    text += name_path(btf, reloc.type, path);
  text.resize(std::min(text.size(), kMaxNeedText));
  const std::string_view question =
      reloc.kind < kQuestions.size() ? kQuestions[reloc.kind] : std::string_view("unknown");
  return fmt::format("{} ({})", text, question);
}

}  // namespace skep::loader
