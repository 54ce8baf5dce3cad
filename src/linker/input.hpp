// One object on its way into a linked one: what its file holds, and which of it goes where.
//
// read_input() refuses what cannot be linked; afterwards ids and offsets inside the input are known to be good. An
// Input holds views into the bytes of its LinkInput.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <skep/link.hpp>

#include "btf/btf.hpp"
#include "elf/elf.hpp"

namespace skep::linker {

/// Where a section of an input lies in the result.
struct Place {
  static constexpr std::uint32_t kNowhere = 0xffffffff;
  std::uint32_t section = kNowhere;  ///< index of the OutSection; 0 until it is known
  std::uint64_t offset = 0;          ///< bytes
  bool shared = false;               ///< the contents were there already, from another input
};

struct Input {
  std::string name;  ///< for messages: printable, short
  std::size_t input_bytes = 0;
  elf::File file;
  std::shared_ptr<const btf::Btf> btf;  ///< null when there is none
  btf::BtfExt ext;
  std::vector<Place> places;  ///< by section; nowhere: not part of the result
  /// The kept section of each name, the first where there are several.
  std::unordered_map<std::string_view, std::uint32_t> sections;
  /// Non-static variables and functions in the BTF by name, and the section that it puts them in, 0 for none.
  struct Declared {
    btf::TypeId type = 0;
    btf::TypeId section = 0;
  };
  std::unordered_map<std::string_view, Declared> declared;

  [[nodiscard]] std::string where(std::string_view what, std::string_view thing) const;
  [[nodiscard]] std::string where_section(const elf::Section& section) const { return where("section", section.name); }
};

/// For parsing in place what lives longer than the linker's work.
[[nodiscard]] inline std::shared_ptr<const void> kept_elsewhere(Bytes bytes) {
  return {std::shared_ptr<const void>(), bytes.data()};
}

/// Reads one input; of its sections those that go into the result have a place, not yet known, in `places`.
[[nodiscard]] Result<Input> read_input(const LinkInput& from);

/// What all inputs together may hold of what is linked; debug information does not count. Whatever of it an input
/// consists of, linking takes at most 64 MiB beyond the inputs, the result included: a byte of contents is held twice,
/// a type costs about 50 bytes beside its own, a symbol 250.
struct Totals {
  std::uint64_t bytes = 0;        ///< of contents, types, records, relocations and symbols; at most 20 MiB
  std::uint64_t relocations = 0;  ///< at most 262,144
  std::uint64_t symbols = 0;      ///< at most 65,536
  std::uint64_t types = 0;        ///< at most 262,144, a kernel has half as many

  static constexpr std::uint64_t kMostBytes = 20u << 20, kMostRelocations = 1u << 18, kMostSymbols = 1u << 16,
                                 kMostTypes = 1u << 18;

  /// Error limit, which names the input that is too much.
  [[nodiscard]] Result<void> add(const Input& input);
};

/// A name as it may stand in a message: cut where it is long, with "?" for what could drive a terminal.
[[nodiscard]] std::string shown(std::string_view name);

/// True for sections of which one copy serves all inputs.
[[nodiscard]] bool is_shared(std::string_view section);

}  // namespace skep::linker
