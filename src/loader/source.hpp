// What every part of the loader reads from: the ELF file, its BTF, and the notes that opening it leaves behind.
//
// A Source lives while one object is parsed; its views point into the input bytes. Limits are stated here: they keep
// time and memory proportional to the input, whatever its headers claim.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <skep/error.hpp>

#include "btf/btf.hpp"
#include "elf/elf.hpp"

namespace skep::loader {

inline constexpr std::size_t kMaxName = 512;          ///< bytes of a function, map or extern name
inline constexpr std::size_t kMaxSectionName = 4096;  ///< bytes; a uprobe's section holds a path
inline constexpr std::size_t kMaxMaps = 65536;
inline constexpr std::size_t kMaxPrograms = 16384;
inline constexpr std::size_t kMaxCodeSections = 4096;
inline constexpr std::size_t kMaxProgramInsns = 1'000'000;  ///< Linux' own limit
inline constexpr std::size_t kMaxObjectInsns = 4'000'000;   ///< of all programs, with the subprograms each one takes
inline constexpr std::size_t kMaxTextBytes = 64u << 20;     ///< of all source lines and needs together
inline constexpr std::size_t kMaxNotes = 200;

/// What was assumed while opening; stops growing at kMaxNotes.
class Notes {
 public:
  void add(std::string note);
  [[nodiscard]] std::vector<std::string> take() { return std::move(notes_); }

 private:
  std::vector<std::string> notes_;
};

struct Source {
  elf::File file;
  std::size_t input_bytes = 0;
  std::shared_ptr<const btf::Btf> btf;  ///< null when there is none
  btf::BtfExt ext;
  Notes notes;
};

/// "section xdp/drop", the where of an error; long names are cut.
[[nodiscard]] std::string in_section(std::string_view name);
/// A name as it may stand in a message: cut where it is long, with '?' for what does not print.
[[nodiscard]] std::string shown(std::string_view name);
/// Refuses a name that is too long to be copied about.
[[nodiscard]] Result<void> check_name(std::string_view what, std::string_view name, std::size_t most = kMaxName);

}  // namespace skep::loader
