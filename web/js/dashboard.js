/** Where keys are made and credit is bought: the server names the same address. */
export const DASHBOARD_URL = "https://aigateway.sh/signin";
