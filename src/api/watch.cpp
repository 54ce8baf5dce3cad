// Verifications watched for applications: the log in Linux' format, and where the time goes.
#include <skep/verify.hpp>

#include <utility>

#include "api/inquiry.hpp"
#include "verifier/diagnose/kernel_log.hpp"
#include "verifier/diagnose/profile.hpp"

namespace skep {

void write_verifier_log(const Program& program, const VerifyOptions& options, unsigned level,
                        const std::function<void(std::string_view)>& sink) {
  const Inquiry inquiry(*program.owner(), *program.data(), options);
  (void)verifier::write_kernel_log(inquiry.input(), level, sink);
}

std::vector<InsnProfile> profile_verification(const Program& program, const VerifyOptions& options) {
  const Inquiry inquiry(*program.owner(), *program.data(), options);
  std::vector<InsnProfile> rows;
  for (verifier::ProfileRow& row : verifier::profile(inquiry.input()))
    rows.push_back({row.pc, row.processed, row.covered, row.missed, std::move(row.why)});
  return rows;
}

}  // namespace skep
