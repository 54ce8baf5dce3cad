#include "encoding/decoding.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <span>
#include <string>
#include <utility>

#include "support/environment.hpp"

namespace skep::encoding {

std::uint64_t every() { return std::max(test::number_from_environment("SKEP_JIT_EVERY", 1), std::uint64_t{1}); }

Decoding::Decoding() {
  std::string why;
  decoder_ = make_decoder(why);
  if (decoder_ == nullptr) MESSAGE("SKIP: code is run, not decoded: ", why);
  if (decoder_ != nullptr) agreement_.emplace(*decoder_);
}

void Decoding::add(Built built) {
  constexpr std::size_t kAtOnce = 2048;
  if (decoder_ == nullptr) return;
  waiting_.push_back(std::move(built));
  if (waiting_.size() == kAtOnce) look();
}

bool Decoding::agrees() {
  if (decoder_ == nullptr) return true;
  look();
  const Looked& looked = agreement_->looked();
  MESSAGE("decoded: ", looked.codes, " codes, ", looked.insns, " machine instructions; ", looked.parts,
          " parts mean what was asked for");
  return faults_ == 0 && looked.codes != 0;
}

void Decoding::look() {
  std::vector<std::span<const std::byte>> codes;
  for (const Built& built : waiting_) codes.emplace_back(built.bytes);
  decoder_->expect(codes);
  for (const Built& built : waiting_)
    if (const auto fault = agreement_->find_fault(built); fault && ++faults_ <= 3) MESSAGE(*fault);
  waiting_.clear();
}

}  // namespace skep::encoding
