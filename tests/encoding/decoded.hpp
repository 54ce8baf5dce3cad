// One machine instruction as a decoder that is not ours reads it, in terms that both processors have.
//
// Registers are numbered by what they are to a program: 0 to 10 are r0 to r10, then come those with a role of their
// own, then all others. The decoders hold the tables that say which is which, so that nothing here is taken from
// src/jit.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace skep::encoding {

enum Register : std::uint8_t {
  kFramePointer = 10,  ///< the last of the program's own
  kMachine,            ///< what points to the state of a run
  kStackPointer,       ///< C's
  kFrameBottom,        ///< arm64's second way to the frame, 512 bytes below the first
  kOthers,             ///< from here on: scratch
  kFirstVector = 50,   ///< the first few of those for vectors
  kZero = 62,          ///< reads as 0
  kNoRegister = 63,    ///< the last of terms.hpp's
};

constexpr unsigned kVectors = 8;
constexpr std::uint8_t kVectorBits = 128;

struct Operand {
  enum class Shift : std::uint8_t { left, right, signed_right };
  enum class Kind : std::uint8_t { none, reg, imm, mem, other };
  Kind kind = Kind::none;
  std::uint8_t reg = kNoRegister;
  std::uint8_t bits = 0;   ///< of a register
  std::uint8_t shift = 0;  ///< of a register, of an immediate, or of an address' index
  Shift direction = Shift::left;
  std::uint8_t base = kNoRegister;
  std::uint8_t index = kNoRegister;
  std::uint8_t bytes = 0;  ///< of memory, where the operand says so
  std::int64_t imm = 0;    ///< or an address' displacement
};

struct Decoded {
  std::uint32_t at = 0;  ///< offset from where decoding began
  std::uint32_t bytes = 0;
  std::string name;  ///< mnemonic, with x86-64's prefixes
  std::array<Operand, 4> operands;
  std::uint8_t count = 0;                ///< of operands
  std::optional<std::int64_t> leads_to;  ///< of a direct jump, branch or call: offset, as `at`
};

/// Takes code apart. Not for several threads.
class Decoder {
 public:
  virtual ~Decoder() = default;
  /// Prepares for code that follows; a decoder that is another process is asked once for much of it.
  virtual void expect(std::span<const std::span<const std::byte>> codes) = 0;
  /// All instructions of `code`, in order, each where the one before ends; nothing when some bytes are none. Lives
  /// until the next call of expect().
  [[nodiscard]] virtual const std::vector<Decoded>* decode(std::span<const std::byte> code) = 0;
};

/// The decoder of this processor's code: libcapstone for x86-64, llvm-mc-19 for arm64, whose atomics Debian 12's
/// libcapstone does not know. Null where it is missing; then `why` says so.
[[nodiscard]] std::unique_ptr<Decoder> make_decoder(std::string& why);

}  // namespace skep::encoding
