// Each type of relocation keeps its distance in a field of its own; which, is a table.
#include "linker/relocations.hpp"

#include <cstring>
#include <limits>

#include <fmt/format.h>

#include "base/bits.hpp"

namespace skep::linker {
namespace {

constexpr auto kSection = static_cast<std::uint8_t>(elf::SymbolType::section);
constexpr std::size_t kInsnBytes = 8, kImmOffset = 4;
constexpr std::byte kCall{0x85};

/// The types that compilers make, by the width of what they relocate in data; code keeps all distances in `imm`.
struct Form {
  std::uint32_t type;
  std::size_t data_bytes;
};
constexpr Form kForms[] = {{1, 8}, {2, 8}, {3, 4}, {10, 4}};  // R_BPF_64_64, _ABS64, _ABS32, _64_32

const Form* form_of(std::uint32_t type) {
  for (const Form& form : kForms)
    if (form.type == type) return &form;
  return nullptr;
}

template <class T>
bool add_at(std::byte* field, std::uint64_t distance) {
  T value;
  std::memcpy(&value, field, sizeof value);
  if (distance > static_cast<std::uint64_t>(std::numeric_limits<T>::max())) return false;
  T sum;
  if (__builtin_add_overflow(value, static_cast<T>(distance), &sum)) return false;
  std::memcpy(field, &sum, sizeof sum);
  return true;
}

/// Adds `distance` to what a relocation against a section keeps; false when it does not fit.
bool grow(OutSection& section, std::uint64_t offset, const Form& form, std::uint64_t distance) {
  std::byte* at = section.data.data() + offset;
  if (section.is_code()) {
    return *at == kCall ? add_at<std::int32_t>(at + kImmOffset, distance / kInsnBytes)
                        : add_at<std::int32_t>(at + kImmOffset, distance);
  }
  return form.data_bytes == 8 ? add_at<std::int64_t>(at, distance) : add_at<std::int32_t>(at, distance);
}

Result<void> rebase(const Input& input, const elf::Section& section, elf::Relocation relocation,
                    const std::vector<std::uint32_t>& indexes, OutSection& out) {
  const auto refuse = [&](ErrorCode code, std::string what) {
    return fail(code, input.where_section(section), fmt::format("relocation at {}: {}", relocation.offset, what));
  };
  const Form* form = form_of(relocation.type);
  if (form == nullptr) return refuse(ErrorCode::unsupported, fmt::format("type {}", relocation.type));
  const std::size_t bytes = out.is_code() ? kInsnBytes : form->data_bytes;
  if (!in_bounds(relocation.offset, bytes, section.size) || (out.is_code() && relocation.offset % kInsnBytes != 0))
    return refuse(ErrorCode::malformed, fmt::format("no {} bytes to relocate", bytes));
  const elf::Symbol& symbol = input.file.symbols[relocation.symbol];
  if (indexes[relocation.symbol] == Symbols::kGone)
    return refuse(ErrorCode::unsupported, fmt::format("symbol {} is not part of the result", relocation.symbol));
  const Place& place = input.places[section.index];
  relocation.offset += place.offset;
  relocation.symbol = indexes[relocation.symbol];
  if (symbol.type == kSection && !grow(out, relocation.offset, *form, input.places[symbol.section].offset))
    return refuse(ErrorCode::limit, "the distance does not fit any more");
  out.relocations.push_back(relocation);
  return {};
}

}  // namespace

Result<void> rebase_relocations(std::span<const Input> inputs, const Symbols& symbols,
                                std::vector<OutSection>& sections) {
  for (std::size_t i = 0; i < inputs.size(); ++i)
    for (const elf::Section& section : inputs[i].file.sections) {
      const Place& place = inputs[i].places[section.index];
      if (place.section == Place::kNowhere || place.shared) continue;
      const auto relocations = inputs[i].file.relocations(section.index);
      if (!relocations) {
        Error error = relocations.error();
        error.where = inputs[i].name + ": " + error.where;
        return fail(std::move(error));
      }
      for (const elf::Relocation& relocation : *relocations)
        if (auto done = rebase(inputs[i], section, relocation, symbols.indexes[i], sections[place.section]); !done)
          return done;
    }
  return {};
}

}  // namespace skep::linker
