/** ComfyUI's type of an error that a node's own check of its inputs has found. */
const FROM_NODE = "custom_validation_failed";

/**
 * Whether all errors that ComfyUI shows are the pack's own, for which it has a card.
 * @param {CoreErrors} shown
 */
export function isOursAlone({ lastNodeErrors, lastExecutionError }) {
  const ofNodes = Object.values(lastNodeErrors ?? {});
  const areOurs = ofNodes.every(
    ({ class_type, errors }) =>
      class_type?.startsWith("AIGateway") && errors.every(({ type }) => type === FROM_NODE),
  );
  const ofRun = lastExecutionError?.exception_type;
  if (!ofNodes.length && ofRun === undefined) return false;
  return areOurs && (ofRun === undefined || ofRun.startsWith("aigateway."));
}
