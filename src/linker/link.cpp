// The linker, one screen: read, lay out, resolve, relocate, merge types, write. Each step trusts what those before it
// checked.
#include <skep/link.hpp>

#include <utility>

#include <fmt/format.h>

#include "elf/write.hpp"
#include "linker/input.hpp"
#include "linker/relocations.hpp"
#include "linker/sections.hpp"
#include "linker/symbols.hpp"
#include "linker/types.hpp"

namespace skep {
namespace {

using namespace linker;

constexpr std::uint16_t kRelocatable = 1, kBpf = 247;

Result<std::vector<Input>> read(std::span<const LinkInput> from) {
  if (from.empty()) return fail(ErrorCode::invalid, "link", "nothing to link");
  std::vector<Input> inputs;
  inputs.reserve(from.size());
  Totals totals;
  for (const LinkInput& each : from) {
    auto input = read_input(each);
    if (!input) return fail(std::move(input).error());
    if (auto added = totals.add(*input); !added) return fail(std::move(added).error());
    inputs.push_back(*std::move(input));
  }
  return inputs;
}

/// Collects what the file is made of, and keeps of it what has no owner yet.
class Assembly {
 public:
  explicit Assembly(std::size_t sections) {
    file_.type = kRelocatable;
    file_.machine = kBpf;
    file_.sections.resize(1);
    names_.reserve(sections);
    contents_.reserve(sections);
  }

  void add(const OutSection& section) {
    file_.sections.push_back({.name = section.name,
                              .type = section.type,
                              .flags = section.flags,
                              .size = section.size,
                              .align = section.align,
                              .entry_size = section.entry_size,
                              .data = section.data});
  }
  /// Takes them out of the section.
  void add_relocations(OutSection& section, std::uint32_t index) {
    names_.push_back(fmt::format(".rel{}", section.name));
    contents_.push_back(elf::encode(std::exchange(section.relocations, {})));
    constexpr std::uint64_t kInfoLink = 0x40, kRelBytes = 16;
    file_.sections.push_back({.name = names_.back(),
                              .type = elf::kRel,
                              .flags = kInfoLink,
                              .size = contents_.back().size(),
                              .align = 8,
                              .entry_size = kRelBytes,
                              .info = index,
                              .data = contents_.back()});
  }
  void add_types(std::string_view name, Bytes contents) {
    if (contents.empty()) return;
    file_.sections.push_back(
        {.name = name, .type = elf::kProgbits, .size = contents.size(), .align = 8, .data = contents});
  }
  [[nodiscard]] Result<std::vector<std::byte>> write(std::vector<elf::Symbol> symbols) {
    file_.symbols = std::move(symbols);
    return elf::write(file_);
  }

 private:
  elf::File file_;
  std::vector<std::string> names_;
  std::vector<std::vector<std::byte>> contents_;
};

}  // namespace

Result<std::vector<std::byte>> link(std::span<const LinkInput> from) {
  auto inputs = read(from);
  if (!inputs) return fail(std::move(inputs).error());
  auto sections = lay_out(*inputs);
  if (!sections) return fail(std::move(sections).error());
  auto symbols = resolve(*inputs, *sections);
  if (!symbols) return fail(std::move(symbols).error());
  if (auto done = rebase_relocations(*inputs, *symbols, *sections); !done) return fail(std::move(done).error());
  const auto types = merge_types(*inputs, *sections, *symbols);
  if (!types) return fail(types.error());

  Assembly assembly(sections->size());
  for (const OutSection& section : *sections) assembly.add(section);
  for (std::uint32_t i = 0; i < sections->size(); ++i)
    if (!(*sections)[i].relocations.empty()) assembly.add_relocations((*sections)[i], elf_index(i));
  assembly.add_types(".BTF", types->types);
  assembly.add_types(".BTF.ext", types->ext);
  return assembly.write(std::move(symbols->table));
}

}  // namespace skep
